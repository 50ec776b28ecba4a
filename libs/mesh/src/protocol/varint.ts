/** Unsigned LEB128 numbers up to 2^53 - 1, the integers inside control frames. */
import { ProtocolError } from '../errors.js';

/** The most bytes a number takes: 8 x 7 bits hold 2^53 - 1. */
const MAX_VARINT_BYTES = 8;

/** Writes `value` at `offset` and returns the position after it. */
export function writeVarint(bytes: Buffer, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** Reads numbers one after the other from `[offset, end)`, and refuses what is cut short or too large. */
export class VarintReader {
  constructor(
    private readonly bytes: Buffer,
    private offset: number,
    private readonly end: number,
  ) {}

  next(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < MAX_VARINT_BYTES; i++) {
      if (this.offset >= this.end) throw new ProtocolError('a number ends too early');
      const byte = this.bytes[this.offset++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new ProtocolError('a number is too large');
  }

  /** Where the next number begins. */
  get position(): number {
    return this.offset;
  }

  /** The next number, or 0 when the frame has no more: newer peers may add fields at the end. */
  nextOrZero(): number {
    return this.offset < this.end ? this.next() : 0;
  }
}
