/** The frames of a call: what stands before the value in each, and back. Bodies: see docs/protocol.md. */
import {
  ClusterError,
  decode,
  encode,
  MAX_SERVED_KEY_BYTES,
  ProtocolError,
  VarintReader,
  writeVarint,
} from '@rookery/mesh';

/** More beside the data would be data. */
export const MAX_METADATA_BYTES = 1_024;

/** Every number takes 8 bytes at most. */
const HEAD_BYTES = 5 * 8 + MAX_SERVED_KEY_BYTES + MAX_METADATA_BYTES;

/** How a call failed on the other side. Positions are numbers on the wire: the list only grows at its end. */
export const WIRE_CODES = ['FAILED', 'REJECTED', 'DRAINING', 'TIMEOUT', 'OVERFLOW'] as const;
export type WireCode = (typeof WIRE_CODES)[number];

/** The head of the frame to be sent next. One for the whole process: it is copied before anything else runs. */
export const head = Buffer.alloc(HEAD_BYTES);

/** A request whose deadline ends with its first answer: a stream then goes on. */
const FLAG_FIRST_ANSWER = 1;
const FLAG_METADATA = 2;

export interface Request {
  readonly id: number;
  /** Milliseconds that are left. */
  readonly timeoutMs: number;
  /** Whether the time is for the first answer alone. */
  readonly isForFirst: boolean;
  readonly key: string;
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Where the data begins. */
  readonly position: number;
}

/** Writes the head of REQUEST; returns its length. */
export function requestHead(
  id: number,
  timeoutMs: number,
  isForFirst: boolean,
  key: Buffer,
  metadata: Buffer | undefined,
): number {
  let at = writeVarint(head, 0, id);
  at = writeVarint(head, at, timeoutMs);
  head[at++] = (isForFirst ? FLAG_FIRST_ANSWER : 0) | (metadata === undefined ? 0 : FLAG_METADATA);
  at = writeVarint(head, at, key.length);
  at += key.copy(head, at);
  if (metadata === undefined) return at;
  at = writeVarint(head, at, metadata.length);
  return at + metadata.copy(head, at);
}

/** Writes a head of numbers alone; returns its length. */
export function numbersHead(first: number, second?: number): number {
  const at = writeVarint(head, 0, first);
  return second === undefined ? at : writeVarint(head, at, second);
}

export function readRequest(bytes: Buffer, start: number, end: number): Request {
  const reader = new VarintReader(bytes, start, end);
  const id = reader.next();
  const timeoutMs = reader.next();
  const flags = reader.next();
  const keyLength = reader.next();
  const keyEnd = reader.position + keyLength;
  if (keyLength > MAX_SERVED_KEY_BYTES || keyEnd > end) {
    throw new ProtocolError('a request whose pattern is too long');
  }
  const key = bytes.toString('utf8', reader.position, keyEnd);
  const isForFirst = (flags & FLAG_FIRST_ANSWER) !== 0;
  if ((flags & FLAG_METADATA) === 0) return { id, timeoutMs, isForFirst, key, metadata: undefined, position: keyEnd };
  const rest = new VarintReader(bytes, keyEnd, end);
  const length = rest.next();
  const position = rest.position + length;
  if (length > MAX_METADATA_BYTES || position > end) throw new ProtocolError('a request with too much metadata');
  return { id, timeoutMs, isForFirst, key, metadata: asRecord(decode(bytes, rest.position, position)), position };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ProtocolError('the metadata of a request is no object');
}

/**
 * The bytes of what travels beside the data.
 * @throws ClusterError `CLUSTER_INVALID_PAYLOAD`, `CLUSTER_PAYLOAD_TOO_LARGE`
 */
export function encodeMetadata(metadata: Readonly<Record<string, unknown>> | undefined): Buffer | undefined {
  if (metadata === undefined) return undefined;
  const bytes = encode(metadata, MAX_METADATA_BYTES);
  const tag = bytes[0]!;
  // An object may travel as something else, by its toJSON for example, and whoever reads that takes it for no metadata.
  if (tag >> 4 === 0x8 || tag === 0xde) return bytes;
  throw new ClusterError(
    'CLUSTER_INVALID_PAYLOAD',
    "The metadata of a call must be an object with fields, such as { trace: 'abc' }.",
  );
}
