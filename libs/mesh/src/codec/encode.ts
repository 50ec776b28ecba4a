/**
 * Values to bytes, in one pass: what cannot travel is refused with its path while it is being written, and nothing is
 * left behind. Writes straight into the caller's buffer, since a publication is encoded once, into the log.
 */
import { ClusterError } from '../errors.js';
import {
  ARRAY_BUFFER_KIND,
  ERROR_CLASSES,
  EXT_BIGINT,
  EXT_DATE,
  EXT_ERROR,
  EXT_MAP,
  EXT_SET,
  EXT_TYPED_ARRAY,
  EXT_UNDEFINED,
  MAX_DEPTH,
  TYPED_ARRAYS,
} from './wire-types.js';

/** Strings up to this length are written by a loop; a native call costs more than it saves below. */
const SHORT_STRING = 40;

// One encoder serves the whole process: encoding is synchronous and never re-entered (no user code runs in it except
// getters, see `encodeInto`), and module variables are what the optimiser handles best on this hot path.
let bytes: Buffer = Buffer.alloc(0);
let view: DataView = new DataView(bytes.buffer);
let position = 0;
let busy = false;

/** A payload did not fit into the room that was left. Thrown inside, seen by nobody. */
class NoRoom extends Error {}
const noRoom = new NoRoom('no room');

const views = new WeakMap<ArrayBufferLike, DataView>();

/**
 * Encodes `value` into `target` from `start` on and returns the position after it, or -1 when it does not fit.
 * @throws ClusterError `CLUSTER_INVALID_PAYLOAD` when the value holds something that cannot travel; the message has its path.
 */
export function encodeInto(target: Buffer, start: number, value: unknown): number {
  if (busy) throw refused([], 'a getter or proxy that publishes while its object is being encoded');
  busy = true;
  bytes = target;
  let known = views.get(target.buffer);
  if (known === undefined || known.byteOffset !== target.byteOffset || known.byteLength !== target.byteLength) {
    known = new DataView(target.buffer, target.byteOffset, target.byteLength);
    views.set(target.buffer, known);
  }
  view = known;
  position = start;
  try {
    write(value, 0);
    // Single bytes beyond the end of a typed array are dropped silently: the position tells.
    return position <= target.length ? position : -1;
  } catch (error) {
    if (error === noRoom) return -1;
    if (error instanceof Refused) throw refused(error.path, error.what);
    throw error;
  } finally {
    busy = false;
  }
}

/** Encodes `value` into a buffer of its own, of at most `maxBytes`. */
export function encode(value: unknown, maxBytes = 2 ** 30): Buffer {
  for (let size = 256; ; size = Math.min(size * 4, maxBytes)) {
    const target = Buffer.allocUnsafe(size);
    const end = encodeInto(target, 0, value);
    if (end >= 0) return target.subarray(0, end);
    if (size >= maxBytes) {
      throw new ClusterError('CLUSTER_PAYLOAD_TOO_LARGE', `The value is larger than ${maxBytes} bytes when encoded.`);
    }
  }
}

function write(value: unknown, depth: number): void {
  switch (typeof value) {
    case 'string':
      return writeString(value);
    case 'number':
      return writeNumber(value);
    case 'boolean':
      bytes[position++] = value ? 0xc3 : 0xc2;
      return;
    case 'object':
      if (value === null) bytes[position++] = 0xc0;
      else writeObject(value, depth);
      return;
    case 'undefined':
      bytes[position++] = 0xd4; // fixext 1
      bytes[position++] = EXT_UNDEFINED;
      bytes[position++] = 0;
      return;
    case 'bigint':
      return writeBigInt(value);
    case 'function':
      throw new Refused('a function');
    default:
      throw new Refused('a symbol');
  }
}

function writeString(text: string): void {
  const length = text.length;
  if (length < SHORT_STRING) {
    const header = position;
    const wide = length > 31 ? 2 : 1;
    let at = header + wide;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return writeLongString(text);
      bytes[at++] = code;
    }
    if (wide === 1) bytes[header] = 0xa0 | length;
    else {
      bytes[header] = 0xd9;
      bytes[header + 1] = length;
    }
    position = at;
    return;
  }
  writeLongString(text);
}

function writeLongString(text: string): void {
  const length = Buffer.byteLength(text);
  if (position + length + 5 > bytes.length) throw noRoom;
  if (length < 32) bytes[position++] = 0xa0 | length;
  else if (length < 0x100) {
    bytes[position++] = 0xd9;
    bytes[position++] = length;
  } else writeHeader16or32(0xda, length);
  bytes.write(text, position, length, 'utf8');
  position += length;
}

/** A 16-bit length after `tag`, or a 32-bit one after `tag + 1`. */
function writeHeader16or32(tag: number, length: number): void {
  if (length < 0x10000) {
    bytes[position++] = tag;
    bytes[position++] = length >> 8;
    bytes[position++] = length & 0xff;
  } else {
    bytes[position++] = tag + 1;
    writeUint32(length);
  }
}

function writeUint32(value: number): void {
  bytes[position++] = value >>> 24;
  bytes[position++] = (value >>> 16) & 0xff;
  bytes[position++] = (value >>> 8) & 0xff;
  bytes[position++] = value & 0xff;
}

function writeNumber(value: number): void {
  if (value >>> 0 === value && !Object.is(value, -0)) {
    if (value < 0x80) bytes[position++] = value;
    else if (value < 0x100) {
      bytes[position++] = 0xcc;
      bytes[position++] = value;
    } else if (value < 0x10000) {
      bytes[position++] = 0xcd;
      bytes[position++] = value >> 8;
      bytes[position++] = value & 0xff;
    } else {
      bytes[position++] = 0xce;
      writeUint32(value);
    }
  } else if (value >> 0 === value && value < 0) {
    if (value >= -32) bytes[position++] = value & 0xff;
    else {
      bytes[position++] = 0xd2;
      writeUint32(value);
    }
  } else {
    if (position + 9 > bytes.length) throw noRoom;
    bytes[position] = 0xcb;
    view.setFloat64(position + 1, value);
    position += 9;
  }
}

function writeBigInt(value: bigint): void {
  const negative = value < 0n;
  let hex = (negative ? -value : value).toString(16);
  if (hex.length % 2 === 1) hex = `0${hex}`;
  const length = hex.length / 2 + 1;
  writeExtensionHeader(EXT_BIGINT, length);
  if (position + length > bytes.length) throw noRoom;
  bytes[position++] = negative ? 1 : 0;
  position += bytes.write(hex, position, 'hex');
}

function writeExtensionHeader(type: number, length: number): void {
  bytes[position++] = 0xc9; // ext 32
  writeUint32(length);
  bytes[position++] = type;
}

function writeObject(value: object, depth: number): void {
  // Also ends cycles: a path this long is no payload.
  if (depth >= MAX_DEPTH) throw new Refused(`nested deeper than ${MAX_DEPTH} levels, or a cycle`);
  // Bytes past the end are dropped silently, so without this check a huge value is walked to its end for nothing.
  if (position > bytes.length) throw noRoom;
  const type = value.constructor as unknown;
  if (type === Object || type === undefined) return writePlainObject(value as Record<string, unknown>, depth);
  if (Array.isArray(value)) return writeArray(value, depth);
  if (value instanceof Date) return writeDate(value);
  if (Buffer.isBuffer(value)) return writeBinary(value);
  if (value instanceof Map) return writeMap(value, depth);
  if (value instanceof Set) return writeSet(value, depth);
  if (value instanceof Error) return writeError(value, depth);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return writeTypedArray(value);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    return write((value as { toJSON(): unknown }).toJSON(), depth + 1);
  }
  if (value instanceof Promise) throw new Refused('a promise (await it first)');
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof RegExp) {
    throw new Refused(`a ${value.constructor.name}`);
  }
  // Instances of classes travel as their own enumerable fields, as with JSON.
  writePlainObject(value as Record<string, unknown>, depth);
}

function writePlainObject(value: Record<string, unknown>, depth: number): void {
  const keys = Object.keys(value);
  const count = keys.length;
  if (count < 16) bytes[position++] = 0x80 | count;
  else writeHeader16or32(0xde, count);
  for (let i = 0; i < count; i++) {
    const key = keys[i]!;
    if (key === '__proto__') throw new Refused('a key named __proto__');
    writeString(key);
    const child = value[key];
    const type = typeof child;
    if (type === 'string') writeString(child as string);
    else if (type === 'number') writeNumber(child as number);
    else if (type === 'boolean') bytes[position++] = child ? 0xc3 : 0xc2;
    else writeChild(child, depth, key);
  }
}

function writeArray(value: readonly unknown[], depth: number): void {
  const count = value.length;
  if (count < 16) bytes[position++] = 0x90 | count;
  else writeHeader16or32(0xdc, count);
  for (let i = 0; i < count; i++) {
    const child = value[i];
    if (typeof child === 'string') writeString(child);
    else writeChild(child, depth, i);
  }
}

function writeChild(child: unknown, depth: number, step: string | number): void {
  try {
    write(child, depth + 1);
  } catch (error) {
    if (error instanceof Refused) error.path.unshift(step);
    throw error;
  }
}

function writeDate(value: Date): void {
  bytes[position++] = 0xd7; // fixext 8
  bytes[position++] = EXT_DATE;
  if (position + 8 > bytes.length) throw noRoom;
  view.setFloat64(position, value.getTime());
  position += 8;
}

function writeBinary(value: Uint8Array): void {
  const length = value.length;
  if (position + length + 5 > bytes.length) throw noRoom;
  if (length < 0x100) {
    bytes[position++] = 0xc4;
    bytes[position++] = length;
  } else writeHeader16or32(0xc5, length);
  bytes.set(value, position);
  position += length;
}

function writeTypedArray(value: ArrayBufferView | ArrayBuffer): void {
  const kind =
    value instanceof ArrayBuffer
      ? ARRAY_BUFFER_KIND
      : TYPED_ARRAYS.findIndex((type) => type.name === value.constructor.name);
  if (kind < 0) throw new Refused(`a ${value.constructor.name}`);
  const data =
    value instanceof ArrayBuffer
      ? new Uint8Array(value)
      : new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  writeExtensionHeader(EXT_TYPED_ARRAY, data.length + 1);
  if (position + data.length + 1 > bytes.length) throw noRoom;
  bytes[position++] = kind;
  bytes.set(data, position);
  position += data.length;
}

/** Writes `body` behind an extension header whose length is filled in afterwards. */
function writeNested(type: number, body: () => void): void {
  const header = position;
  position += 6;
  body();
  if (position > bytes.length) throw noRoom;
  bytes[header] = 0xc9;
  view.setUint32(header + 1, position - header - 6);
  bytes[header + 5] = type;
}

function writeSet(value: ReadonlySet<unknown>, depth: number): void {
  writeNested(EXT_SET, () => writeArray([...value], depth));
}

function writeMap(value: ReadonlyMap<unknown, unknown>, depth: number): void {
  writeNested(EXT_MAP, () => writeArray([...value].flat(), depth));
}

function writeError(value: Error, depth: number): void {
  const known = ERROR_CLASSES.has(value.name) ? value.name : value.name || 'Error';
  const cause: unknown = value.cause;
  writeNested(EXT_ERROR, () =>
    writeArray(cause === undefined ? [known, value.message] : [known, value.message, cause], depth),
  );
}

/** What cannot travel, and where it is; becomes a {@link ClusterError} at the edge. */
class Refused extends Error {
  readonly path: (string | number)[] = [];
  constructor(readonly what: string) {
    super(what);
  }
}

function refused(path: readonly (string | number)[], what: string): ClusterError {
  const shown = path.length > 8 ? [...path.slice(0, 8), '...'] : path;
  const where = shown.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : `${text}.${step}`),
    'payload',
  );
  return new ClusterError(
    'CLUSTER_INVALID_PAYLOAD',
    `The ${where} is ${what}, which cannot travel to another process. ` +
      'Publish plain data: JSON-like values, Date, Buffer, typed arrays, BigInt, Set, Map, Error.',
  );
}
