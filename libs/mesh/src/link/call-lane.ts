/** The way of calls to one peer: frames are gathered until the turn is over, and wait here while the link is busy. */
import type { Clock } from '@rookery/runtime';
import { encodeInto } from '../codec/encode.js';
import { ClusterError } from '../errors.js';
import type { Member } from '../membership/member.js';
import { FRAME_HEADER_BYTES } from '../protocol/frame.js';

/** One write at a time, of about this size: more would only sit in the socket, ahead of heartbeats. */
const MAX_SLICE_BYTES = 256 * 1024;
/** So much does not wait for the end of the turn: the other side may begin with it while the rest is made. */
const INLINE_FLUSH_BYTES = 2048;
/** Frames are put together in pieces of this size, and larger ones have a piece of their own. */
const CHUNK_BYTES = 16 * 1024;
/** Beyond this, answers wait where they are made: there they cost nothing yet. */
const BUSY_BYTES = 4 * 1024 * 1024;
/** Beyond this, nothing more is asked of the peer. */
const MAX_QUEUED_BYTES = 16 * 1024 * 1024;

const NOTHING = Buffer.alloc(0);

export interface LaneOwner {
  readonly clock: Clock;
  /** Who is at the other end. */
  member(): Member;
  /** The largest frame that the peer takes. */
  readonly maxFrameBytes: number;
  /** Whether what is sent seems not to arrive at the moment. */
  isStuck(): boolean;
  /** Hands bytes to the link; `onWritten` follows when the kernel has them. */
  write(bytes: Buffer, onWritten: () => void): void;
}

export class CallLane {
  isClosed = false;
  /** Bytes of frames that did not reach the kernel yet. */
  queuedBytes = 0;
  /** What is being filled; not written over before the kernel has it, since the socket keeps what it was given. */
  private chunk = NOTHING;
  private chunkStart = 0;
  private position = 0;
  /** Whether a value is being encoded behind `position`. */
  private isFilling = false;
  private pieces: Buffer[] = [];
  private isFlushScheduled = false;
  /** Bytes that were handed to the link and did not reach the kernel yet. */
  private writingBytes = 0;
  private waiters: (() => void)[] = [];
  private onEmpty: (() => void) | undefined;

  constructor(private readonly owner: LaneOwner) {}

  get member(): Member {
    return this.owner.member();
  }

  /** Whether what is sent seems not to arrive at the moment: whoever has a choice asks somebody else. */
  get isStuck(): boolean {
    return this.owner.isStuck();
  }

  /** Whether what is not urgent should wait. */
  get isBusy(): boolean {
    return this.queuedBytes > BUSY_BYTES;
  }

  /** Whether nothing more should be asked of this peer now. */
  get isFull(): boolean {
    return this.queuedBytes > MAX_QUEUED_BYTES;
  }

  /** Whether more waits than what was asked of the peer can amount to: the peer asks, and does not read the answers. */
  get isOverrun(): boolean {
    return this.queuedBytes > 2 * MAX_QUEUED_BYTES + this.owner.maxFrameBytes;
  }

  /** Calls `fn` when the lane is not busy any more; never, if it closes first. */
  onceIdle(fn: () => void): void {
    if (this.isBusy) this.waiters.push(fn);
    else fn();
  }

  /** Calls `fn` when all that was sent has reached the kernel; the last one that asks is told. Never, if the lane closes first. */
  onceEmpty(fn: () => void): void {
    this.onEmpty = fn;
  }

  /**
   * Sends a frame: the first `headLength` bytes of `head`, and behind them `value` encoded if there is one. Returns how many bytes it took.
   * @throws ClusterError `CLUSTER_INVALID_PAYLOAD`, `CLUSTER_PAYLOAD_TOO_LARGE`; nothing was sent then.
   */
  send(type: number, head: Buffer, headLength: number, hasValue: boolean, value?: unknown): number {
    if (this.isClosed) return 0;
    if (this.isFilling) return this.sendAhead(type, head, headLength, hasValue, value);
    let end = this.fill(head, headLength, hasValue, value);
    for (let size = CHUNK_BYTES; end < 0; size *= 4) {
      const most = 4 + this.owner.maxFrameBytes;
      if (size / 4 >= most) throw this.tooLarge();
      this.renew(Math.min(Math.max(size, FRAME_HEADER_BYTES + headLength), most));
      end = this.fill(head, headLength, hasValue, value);
    }
    return this.seat(type, end);
  }

  /** Sends a frame as {@link send} does, whose value was encoded before. */
  sendEncoded(type: number, head: Buffer, headLength: number, value: Buffer): number {
    if (this.isClosed) return 0;
    const bodyStart = FRAME_HEADER_BYTES + headLength;
    const size = bodyStart + value.length;
    if (size - 4 > this.owner.maxFrameBytes) throw this.tooLarge();
    if (this.position + size > this.chunk.length) this.renew(Math.max(CHUNK_BYTES, size));
    head.copy(this.chunk, this.position + FRAME_HEADER_BYTES, 0, headLength);
    value.copy(this.chunk, this.position + bodyStart);
    return this.seat(type, this.position + size);
  }

  /** A getter of a value that is being encoded ends another call: in a chunk of its own, ahead of the frame that is being made. */
  private sendAhead(type: number, head: Buffer, headLength: number, hasValue: boolean, value: unknown): number {
    // One value at a time: this refuses it, before anything of the frame that is being made is touched.
    if (hasValue) encodeInto(NOTHING, 0, value);
    const { chunk, position } = this;
    this.seal();
    this.chunk = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + headLength);
    this.chunkStart = this.position = 0;
    head.copy(this.chunk, FRAME_HEADER_BYTES, 0, headLength);
    const bytes = this.seat(type, FRAME_HEADER_BYTES + headLength);
    this.seal();
    this.chunk = chunk;
    this.chunkStart = this.position = position;
    return bytes;
  }

  /** Puts length and type before what was written up to `end`; the frame is on its way then. */
  private seat(type: number, end: number): number {
    const { chunk, position: start } = this;
    const length = end - start - 4;
    if (length > this.owner.maxFrameBytes) throw this.tooLarge();
    chunk[start] = length >>> 24;
    chunk[start + 1] = length >>> 16;
    chunk[start + 2] = length >>> 8;
    chunk[start + 3] = length;
    chunk[start + 4] = type;
    this.position = end;
    this.queuedBytes += end - start;
    if (end - this.chunkStart >= INLINE_FLUSH_BYTES) this.flush();
    else if (!this.isFlushScheduled) {
      this.isFlushScheduled = true;
      this.owner.clock.endOfTurn(this.onEndOfTurn);
    }
    return end - start;
  }

  /** The link is gone. */
  close(): void {
    this.isClosed = true;
    this.chunk = NOTHING;
    this.chunkStart = this.position = 0;
    this.pieces = [];
    this.waiters = [];
    this.onEmpty = undefined;
  }

  /** Where the frame would end, or -1 when the chunk has no room for it. */
  private fill(head: Buffer, headLength: number, hasValue: boolean, value: unknown): number {
    const start = this.position + FRAME_HEADER_BYTES + headLength;
    if (start > this.chunk.length) return -1;
    // Before the value: encoding may run code of others, in its getters, and that may begin another frame.
    head.copy(this.chunk, this.position + FRAME_HEADER_BYTES, 0, headLength);
    if (!hasValue) return start;
    this.isFilling = true;
    try {
      return encodeInto(this.chunk, start, value);
    } finally {
      this.isFilling = false;
    }
  }

  private renew(size: number): void {
    this.seal();
    this.chunk = Buffer.allocUnsafeSlow(size);
    this.chunkStart = this.position = 0;
  }

  private seal(): void {
    if (this.position > this.chunkStart) this.pieces.push(this.chunk.subarray(this.chunkStart, this.position));
    this.chunkStart = this.position;
  }

  private readonly onEndOfTurn = (): void => {
    this.isFlushScheduled = false;
    this.flush();
  };

  private flush(): void {
    if (this.isClosed) return;
    this.seal();
    while (this.pieces.length > 0 && this.writingBytes < MAX_SLICE_BYTES) {
      const slice = this.takeSlice();
      const bytes = slice.length === 1 ? slice[0]! : Buffer.concat(slice);
      this.writingBytes += bytes.length;
      this.owner.write(bytes, () => this.onWritten(bytes.length));
      if (this.isClosed) return;
    }
  }

  private onWritten(bytes: number): void {
    this.writingBytes -= bytes;
    this.queuedBytes -= bytes;
    if (this.isClosed) return;
    // The kernel has a copy of everything: what is sent next may be written over it. New chunks all the time keep the collector busy.
    if (this.queuedBytes === 0) {
      this.chunkStart = this.position = 0;
      // One that was made for a large frame would be held for ever.
      if (this.chunk.length > CHUNK_BYTES) this.chunk = NOTHING;
    }
    this.flush();
    if (this.queuedBytes === 0 && this.onEmpty !== undefined) this.tellEmpty(this.onEmpty);
    if (this.waiters.length > 0 && !this.isBusy) this.release();
  }

  private tellEmpty(fn: () => void): void {
    this.onEmpty = undefined;
    fn();
  }

  private takeSlice(): Buffer[] {
    let bytes = 0;
    let count = 0;
    while (count < this.pieces.length && bytes < MAX_SLICE_BYTES) bytes += this.pieces[count++]!.length;
    return this.pieces.splice(0, count);
  }

  private release(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const fn of waiters) {
      // Each may fill it again: the rest waits on.
      if (this.isBusy) this.waiters.push(fn);
      else fn();
    }
  }

  private tooLarge(): ClusterError {
    return new ClusterError(
      'CLUSTER_PAYLOAD_TOO_LARGE',
      `The data of a call is larger than the ${this.owner.maxFrameBytes} bytes that ${this.member.name} takes in one frame. ` +
        'Send less, stream it in parts, or raise limits.maxFrameBytes there.',
    );
  }
}
