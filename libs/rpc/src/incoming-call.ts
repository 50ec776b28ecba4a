/** One call that this node answers: what its handler is told, and the way of its answers back, no faster than the caller reads. */
import { type CallLane, encode, FRAME_ERROR, FRAME_NEXT, FRAME_RESPONSE, type Member } from '@rookery/mesh';
import { type Clock, describeError } from '@rookery/runtime';
import type { CallContext, Reply } from './call.js';
import { head, numbersHead, type Request, WIRE_CODES, type WireCode } from './call-frames.js';
import { MAX_STREAM_QUEUE_BYTES, STREAM_WINDOW_BYTES } from './stream-window.js';

export interface IncomingOwner {
  readonly clock: Clock;
  /** The call is over. */
  onEnded(call: IncomingCall): void;
  /** What the handler gave cannot be sent. */
  onUnsendable(call: IncomingCall, error: unknown): void;
  /** What the handler wanted to do at the end of the call threw. */
  onAbortFailed(call: IncomingCall, error: unknown): void;
}

/** Of a reason that cannot travel as it is, so many characters are told. */
const MAX_REASON_LENGTH = 4_096;

/** What waits to be sent: a value of the stream, encoded, or how it ends. */
type Waiting = { readonly bytes: Buffer } | { readonly end: () => void };

/** Of a call that has nothing waiting, as most never have. Never added to. */
const NOTHING: Waiting[] = [];

export class IncomingCall implements CallContext, Reply {
  readonly pattern: string;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  readonly id: number;
  isOpen = true;
  /** Whether it answered with a value and goes on. */
  isStream = false;
  /** Whether a value of the stream was sent. */
  hasSent = false;
  /** When the caller gives up, in monotonic milliseconds. */
  private readonly deadlineAt: number;
  private readonly isForFirst: boolean;
  private readonly caller: Member;
  private controller: AbortController | undefined;
  private aborts: (() => void)[] | undefined;
  /** Whether the handler said how it ends, while values still wait. */
  private isEnding = false;
  private creditBytes = STREAM_WINDOW_BYTES;
  private queue: Waiting[] = NOTHING;
  private queuedBytes = 0;
  private writers: (() => void)[] | undefined;
  /** Whether the lane is asked to say when it has room. */
  private isAwaitingLane = false;

  constructor(
    readonly lane: CallLane,
    request: Request,
    private readonly owner: IncomingOwner,
  ) {
    this.id = request.id;
    this.pattern = request.key.slice(1);
    this.metadata = request.metadata;
    this.isForFirst = request.isForFirst;
    this.caller = lane.member;
    // A timer of the host that is told to wait longer fires at once.
    this.deadlineAt = owner.clock.now() + request.timeoutMs;
  }

  // ---- for the handler --------------------------------------------------------------------------------------------

  get from(): Member {
    return this.caller;
  }

  get remainingMs(): number {
    if (this.isForFirst && this.isStream) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.deadlineAt - this.owner.clock.now());
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      const controller = (this.controller = new AbortController());
      if (this.wasAborted) controller.abort();
      else this.onAbort(() => controller.abort());
    }
    return this.controller.signal;
  }

  private wasAborted = false;

  onAbort(fn: () => void): void {
    if (this.wasAborted) fn();
    else if (this.isOpen) (this.aborts ??= []).push(fn);
  }

  next(value: unknown): boolean {
    if (!this.isOpen || this.isEnding) return false;
    this.noteStream();
    if (this.queue.length === 0 && this.creditBytes > 0 && !this.lane.isBusy) {
      const sent = this.send(FRAME_NEXT, numbersHead(this.id), true, value);
      this.hasSent = true;
      this.creditBytes -= sent;
      return this.creditBytes > 0;
    }
    this.enqueue(value);
    return false;
  }

  writable(): Promise<void> {
    if (!this.isOpen || (this.queue.length === 0 && this.creditBytes > 0 && !this.lane.isBusy))
      return Promise.resolve();
    return new Promise((resolve) => {
      (this.writers ??= []).push(resolve);
      // Credit is told to us; that the link has room is not.
      if (this.lane.isBusy) this.awaitLane();
    });
  }

  complete(value: unknown): void {
    this.endWith(() => this.send(FRAME_RESPONSE, numbersHead(this.id), true, value));
  }

  end(): void {
    this.endWith(() => this.send(FRAME_RESPONSE, numbersHead(this.id), false));
  }

  fail(payload: unknown): void {
    this.endWith(() => this.sendError('FAILED', payload));
  }

  // ---- for those that keep it -------------------------------------------------------------------------------------

  /** Whether the caller has given up by `now`, so that nobody needs an answer. */
  isLate(now: number): boolean {
    return now >= this.deadlineAt && !(this.isForFirst && this.isStream);
  }

  /** Ends it from here, whatever the handler does; the caller is told why. */
  refuse(code: WireCode, text: string): void {
    if (!this.isOpen) return;
    this.sendError(code, text);
    this.abort();
  }

  /** Nobody waits for it any more. */
  abort(): void {
    if (!this.isOpen) return;
    this.wasAborted = true;
    this.finish();
    const { aborts } = this;
    this.aborts = undefined;
    if (aborts === undefined) return;
    for (const fn of aborts) {
      try {
        fn();
      } catch (error) {
        // It is the handler's own code, called by what ended the link.
        this.owner.onAbortFailed(this, error);
      }
    }
  }

  /** The caller has read so much more of the stream. */
  grant(bytes: number): void {
    this.creditBytes = Math.min(STREAM_WINDOW_BYTES, this.creditBytes + bytes);
    this.drainQueue();
  }

  private noteStream(): void {
    this.isStream = true;
  }

  private endWith(end: () => void): void {
    if (!this.isOpen || this.isEnding) return;
    this.isEnding = true;
    if (this.queue.length > 0) {
      this.queue.push({ end });
    } else if (this.lane.isBusy) {
      this.queue = [{ end }];
      this.awaitLane();
    } else {
      end();
      this.finish();
    }
  }

  private enqueue(value: unknown): void {
    let bytes: Buffer;
    try {
      bytes = encode(value);
    } catch (error) {
      return this.giveUp(error);
    }
    this.queuedBytes += bytes.length;
    if (this.queuedBytes > MAX_STREAM_QUEUE_BYTES) {
      return this.refuse(
        'OVERFLOW',
        `its handler gives values faster than they are read, and ${MAX_STREAM_QUEUE_BYTES} bytes of them wait. Return an ` +
          'async iterable, which is asked for more only as the reader keeps up',
      );
    }
    if (this.queue.length === 0) this.queue = [{ bytes }];
    else this.queue.push({ bytes });
    if (this.lane.isBusy) this.awaitLane();
  }

  private drainQueue(): void {
    while (this.isOpen && this.queue.length > 0 && !this.lane.isBusy) {
      const waiting = this.queue[0]!;
      if ('end' in waiting) {
        waiting.end();
        return this.finish();
      }
      if (this.creditBytes <= 0) return;
      this.queue.shift();
      this.queuedBytes -= waiting.bytes.length;
      this.hasSent = true;
      try {
        this.creditBytes -= this.lane.sendEncoded(FRAME_NEXT, head, numbersHead(this.id), waiting.bytes);
      } catch (error) {
        return this.giveUp(error);
      }
    }
    if (!this.isOpen || (this.queue.length === 0 && this.writers === undefined)) return;
    // Whatever it was that had it drained, credit for example, may not come again.
    if (this.lane.isBusy) this.awaitLane();
    else if (this.queue.length === 0 && this.creditBytes > 0) this.releaseWriters();
  }

  private awaitLane(): void {
    if (this.isAwaitingLane) return;
    this.isAwaitingLane = true;
    this.lane.onceIdle(() => {
      this.isAwaitingLane = false;
      this.drainQueue();
    });
  }

  private releaseWriters(): void {
    const { writers } = this;
    this.writers = undefined;
    if (writers !== undefined) for (const resolve of writers) resolve();
  }

  private send(type: number, headLength: number, hasValue: boolean, value?: unknown): number {
    try {
      return this.lane.send(type, head, headLength, hasValue, value);
    } catch (error) {
      this.giveUp(error);
      return 0;
    }
  }

  /** What the handler gave cannot travel: the caller is told so. */
  private giveUp(error: unknown): void {
    this.owner.onUnsendable(this, error);
    this.sendError('FAILED', describeError(error));
    this.abort();
  }

  /** Never throws: it is called where the handler's promise ends, and nobody catches what is thrown there. */
  private sendError(code: WireCode, payload: unknown): void {
    if (this.trySendError(code, true, payload)) return;
    // In words, cut, and without half a character, which may be the very reason.
    const text = Buffer.from(describeError(payload).slice(0, MAX_REASON_LENGTH)).toString();
    if (!this.trySendError(code, true, text)) this.trySendError(code, false);
  }

  private trySendError(code: WireCode, hasPayload: boolean, payload?: unknown): boolean {
    try {
      this.lane.send(FRAME_ERROR, head, numbersHead(this.id, WIRE_CODES.indexOf(code)), hasPayload, payload);
      return true;
    } catch (error) {
      this.owner.onUnsendable(this, error);
      return false;
    }
  }

  private finish(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.queue = NOTHING;
    this.queuedBytes = 0;
    this.releaseWriters();
    this.owner.onEnded(this);
  }
}
