/** A byte stream to frames. The length is checked against the type's limit before a byte of the body is kept. */
import { ProtocolError } from '../errors.js';
import { FRAME_HEADER_BYTES, MAX_HANDSHAKE_FRAME_BYTES, maxFrameLength } from './frame.js';

/**
 * Hears each whole frame: its type, and its body at `[start, end)` of `bytes`, where the frame itself begins
 * `FRAME_HEADER_BYTES` earlier. The bytes are only valid during the call. Returns false to stop reading (the link is gone).
 */
export type FrameSink = (type: number, bytes: Buffer, start: number, end: number) => boolean;

export class FrameReader {
  /** Largest frame accepted; small until the handshake is done. */
  private maxFrameBytes = MAX_HANDSHAKE_FRAME_BYTES;
  private isHandshake = true;
  /** A frame that began in an earlier chunk: its header at first, all of it once its length is known. */
  private partial: Buffer | undefined;
  private partialLength = 0;
  private readonly header = Buffer.alloc(FRAME_HEADER_BYTES);

  constructor(private readonly sink: FrameSink) {}

  /** The peer is known now: frames up to `maxFrameBytes` may follow. */
  endHandshake(maxFrameBytes: number): void {
    this.isHandshake = false;
    this.maxFrameBytes = maxFrameBytes;
  }

  /**
   * Takes the next bytes of the stream. Frames that lie whole in `chunk` are handed on without a copy.
   * @throws ProtocolError when a frame breaks its limit; the link must close.
   */
  push(chunk: Buffer): void {
    let offset = 0;
    if (this.partialLength > 0) {
      offset = this.fillPartial(chunk);
      if (offset < 0) return;
    }
    const end = chunk.length;
    while (end - offset >= FRAME_HEADER_BYTES) {
      const length =
        ((chunk[offset]! << 24) | (chunk[offset + 1]! << 16) | (chunk[offset + 2]! << 8) | chunk[offset + 3]!) >>> 0;
      const type = chunk[offset + 4]!;
      if (length > this.limitOf(type) || length === 0) throw this.tooLong(type, length);
      const stop = offset + 4 + length;
      if (stop > end) break;
      const start = offset + FRAME_HEADER_BYTES;
      offset = stop;
      if (!this.sink(type, chunk, start, stop)) return;
    }
    if (offset < end) this.keep(chunk, offset);
  }

  private limitOf(type: number): number {
    return this.isHandshake ? MAX_HANDSHAKE_FRAME_BYTES : maxFrameLength(type, this.maxFrameBytes);
  }

  private tooLong(type: number, length: number): ProtocolError {
    return new ProtocolError(`a frame of type ${type} claims ${length} bytes, ${this.limitOf(type)} are allowed`);
  }

  /** Keeps the beginning of a frame. A header comes first, so that only a checked length is ever allocated. */
  private keep(chunk: Buffer, offset: number): void {
    const available = chunk.length - offset;
    if (available < FRAME_HEADER_BYTES) {
      chunk.copy(this.header, 0, offset);
      this.partial = undefined;
    } else {
      this.partial = Buffer.allocUnsafe(4 + chunk.readUInt32BE(offset));
      chunk.copy(this.partial, 0, offset);
    }
    this.partialLength = available;
  }

  /** Completes the kept frame from `chunk`; returns where the next frame begins, or -1 when there is none yet or no more. */
  private fillPartial(chunk: Buffer): number {
    let offset = 0;
    if (this.partial === undefined) {
      const missing = FRAME_HEADER_BYTES - this.partialLength;
      const copied = chunk.copy(this.header, this.partialLength, 0, missing);
      this.partialLength += copied;
      offset = copied;
      if (this.partialLength < FRAME_HEADER_BYTES) return -1;
      const length = this.header.readUInt32BE(0);
      const type = this.header[4]!;
      if (length > this.limitOf(type) || length === 0) throw this.tooLong(type, length);
      this.partial = Buffer.allocUnsafe(4 + length);
      this.header.copy(this.partial);
    }
    const { partial } = this;
    const copied = chunk.copy(partial, this.partialLength, offset, offset + partial.length - this.partialLength);
    this.partialLength += copied;
    if (this.partialLength < partial.length) return -1;
    this.partial = undefined;
    this.partialLength = 0;
    const goesOn = this.sink(partial[4]!, partial, FRAME_HEADER_BYTES, partial.length);
    return goesOn ? offset + copied : -1;
  }
}
