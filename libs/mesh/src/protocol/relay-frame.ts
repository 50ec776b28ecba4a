/**
 * RELAY: frames of one node for another one, carried by a member that hears both. Body: `8 B to, 8 B from, varint start`,
 * then whole frames as they would stand on a link. `start` is the number of the first publication in it, 0 when there is none.
 */
import { ProtocolError } from '../errors.js';
import { FRAME_HEADER_BYTES, FRAME_RELAY } from './frame.js';
import { VarintReader, writeVarint } from './varint.js';

const INCARNATION_BYTES = 8;
/** What a RELAY adds to the frames in it, at the most. */
export const MAX_PREFIX_BYTES = FRAME_HEADER_BYTES + 2 * INCARNATION_BYTES + 8;

export interface Relay {
  readonly to: string;
  readonly from: string;
  readonly start: number;
  /** Where the frames begin in the buffer that was read. */
  readonly framesStart: number;
}

/** What comes before `bytes` of frames, so that they need not be copied. */
export function relayPrefix(to: string, from: string, start: number, bytes: number): Buffer {
  const prefix = Buffer.allocUnsafe(MAX_PREFIX_BYTES);
  prefix[4] = FRAME_RELAY;
  prefix.write(to, FRAME_HEADER_BYTES, 'hex');
  prefix.write(from, FRAME_HEADER_BYTES + INCARNATION_BYTES, 'hex');
  const end = writeVarint(prefix, FRAME_HEADER_BYTES + 2 * INCARNATION_BYTES, start);
  prefix.writeUInt32BE(end - 4 + bytes, 0);
  return prefix.subarray(0, end);
}

export function readRelay(bytes: Buffer, start: number, end: number): Relay {
  const numbers = start + 2 * INCARNATION_BYTES;
  if (numbers >= end) throw new ProtocolError('a RELAY that ends too early');
  const reader = new VarintReader(bytes, numbers, end);
  return {
    to: bytes.toString('hex', start, start + INCARNATION_BYTES),
    from: bytes.toString('hex', start + INCARNATION_BYTES, numbers),
    start: reader.next(),
    framesStart: reader.position,
  };
}

/** Calls `fn` with the type and the body of every frame in `[start, end)`, until it returns false. */
export function forEachFrame(
  bytes: Buffer,
  start: number,
  end: number,
  fn: (type: number, start: number, end: number) => boolean,
): void {
  for (let offset = start; offset < end;) {
    if (end - offset < FRAME_HEADER_BYTES) throw new ProtocolError('a relayed frame is cut short');
    const stop = offset + 4 + bytes.readUInt32BE(offset);
    if (stop > end || stop < offset + FRAME_HEADER_BYTES) throw new ProtocolError('a relayed frame has a wrong length');
    if (!fn(bytes[offset + 4]!, offset + FRAME_HEADER_BYTES, stop)) return;
    offset = stop;
  }
}
