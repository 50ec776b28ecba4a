/**
 * Bytes to values. The bytes come from an authenticated peer, yet nothing in them may hurt: no prototype is touched, no
 * class other than the listed ones is made, nothing is evaluated, and depth and counts are bounded before they are believed.
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

// One decoder serves the whole process: decoding is synchronous and runs no user code.
let bytes: Buffer = Buffer.alloc(0);
let position = 0;
let end = 0;

const scratch = new DataView(new ArrayBuffer(8));

/**
 * Decodes exactly one value from `source[start, stop)`. The result shares no memory with `source`.
 * @throws ClusterError `CLUSTER_UNDECODABLE` for anything that is not one whole value.
 */
export function decode(source: Buffer, start = 0, stop = source.length): unknown {
  bytes = source;
  position = start;
  end = stop;
  const value = read(0);
  if (position !== end) throw undecodable(`${end - position} bytes after the value`);
  return value;
}

function undecodable(what: string): ClusterError {
  return new ClusterError('CLUSTER_UNDECODABLE', `The payload cannot be decoded: ${what}.`);
}

function need(count: number): void {
  if (count > end - position) throw undecodable('it ends too early');
}

function read(depth: number): unknown {
  if (position >= end) throw undecodable('it ends too early');
  const tag = bytes[position++]!;
  if (tag < 0x80) return tag;
  if (tag < 0x90) return readObject(tag & 0x0f, depth);
  if (tag < 0xa0) return readArray(tag & 0x0f, depth);
  if (tag < 0xc0) return readString(tag & 0x1f);
  if (tag >= 0xe0) return tag - 0x100;
  switch (tag) {
    case 0xc0:
      return null;
    case 0xc2:
      return false;
    case 0xc3:
      return true;
    case 0xc4:
      return readBinary(readUint8());
    case 0xc5:
      return readBinary(readUint16());
    case 0xc6:
      return readBinary(readUint32());
    case 0xc7:
      return readExtension(readUint8(), depth);
    case 0xc8:
      return readExtension(readUint16(), depth);
    case 0xc9:
      return readExtension(readUint32(), depth);
    case 0xca:
      return readFloat(4);
    case 0xcb:
      return readFloat(8);
    case 0xcc:
      return readUint8();
    case 0xcd:
      return readUint16();
    case 0xce:
      return readUint32();
    case 0xd0:
      return (readUint8() << 24) >> 24;
    case 0xd1:
      return (readUint16() << 16) >> 16;
    case 0xd2:
      return readUint32() | 0;
    case 0xd4:
      return readExtension(1, depth);
    case 0xd5:
      return readExtension(2, depth);
    case 0xd6:
      return readExtension(4, depth);
    case 0xd7:
      return readExtension(8, depth);
    case 0xd8:
      return readExtension(16, depth);
    case 0xd9:
      return readString(readUint8());
    case 0xda:
      return readString(readUint16());
    case 0xdb:
      return readString(readUint32());
    case 0xdc:
      return readArray(readUint16(), depth);
    case 0xdd:
      return readArray(readUint32(), depth);
    case 0xde:
      return readObject(readUint16(), depth);
    case 0xdf:
      return readObject(readUint32(), depth);
    default:
      throw undecodable(`unknown tag 0x${tag.toString(16)}`);
  }
}

function readUint8(): number {
  need(1);
  return bytes[position++]!;
}

function readUint16(): number {
  need(2);
  return (bytes[position++]! << 8) | bytes[position++]!;
}

function readUint32(): number {
  need(4);
  return (
    ((bytes[position++]! << 24) | (bytes[position++]! << 16) | (bytes[position++]! << 8) | bytes[position++]!) >>> 0
  );
}

function readFloat(width: 4 | 8): number {
  need(width);
  for (let i = 0; i < width; i++) scratch.setUint8(i, bytes[position++]!);
  return width === 4 ? scratch.getFloat32(0) : scratch.getFloat64(0);
}

const fromCharCode = String.fromCharCode;

function readString(length: number): string {
  need(length);
  const start = position;
  position += length;
  if (length < 16) {
    const text = readShortAscii(start, length);
    if (text !== undefined) return text;
  }
  return bytes.toString('utf8', start, position);
}

/** Up to 15 ASCII characters without a native call, or undefined when one is not ASCII. */
function readShortAscii(start: number, length: number): string | undefined {
  let all = 0;
  for (let i = start, stop = start + length; i < stop; i++) all |= bytes[i]!;
  if (all > 0x7f) return undefined;
  const b = bytes;
  let at = start;
  let text = '';
  let left = length;
  while (left >= 4) {
    text += fromCharCode(b[at]!, b[at + 1]!, b[at + 2]!, b[at + 3]!);
    at += 4;
    left -= 4;
  }
  if (left === 3) return text + fromCharCode(b[at]!, b[at + 1]!, b[at + 2]!);
  if (left === 2) return text + fromCharCode(b[at]!, b[at + 1]!);
  if (left === 1) return text + fromCharCode(b[at]!);
  return text;
}

/**
 * Keys repeat from message to message: a small direct-mapped cache makes the same bytes the same string, which V8 has
 * interned already. The bytes are compared whenever a slot is hit, so a collision costs time and nothing else.
 */
const KEY_SLOTS = 1024;
const MAX_CACHED_KEY = 32;
const keyBytes: (Uint8Array | undefined)[] = new Array<Uint8Array | undefined>(KEY_SLOTS).fill(undefined);
const keyStrings: string[] = new Array<string>(KEY_SLOTS).fill('');

function readKey(): string {
  const tag = readUint8();
  let length: number;
  if (tag >= 0xa0 && tag < 0xc0) length = tag & 0x1f;
  else if (tag === 0xd9) length = readUint8();
  else if (tag === 0xda) length = readUint16();
  else if (tag === 0xdb) length = readUint32();
  else throw undecodable('a key that is not a string');
  need(length);
  if (length === 0 || length > MAX_CACHED_KEY) return safeKey(readString(length));
  const start = position;
  let hash = length;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[start + i]!) | 0;
  const slot = (hash ^ (hash >>> 10) ^ (hash >>> 20)) & (KEY_SLOTS - 1);
  const cached = keyBytes[slot];
  if (cached !== undefined && cached.length === length) {
    let i = 0;
    while (i < length && cached[i] === bytes[start + i]) i++;
    if (i === length) {
      position = start + length;
      return keyStrings[slot]!;
    }
  }
  const key = safeKey(readString(length));
  keyBytes[slot] = Uint8Array.prototype.slice.call(bytes, start, start + length);
  keyStrings[slot] = key;
  return key;
}

function safeKey(key: string): string {
  if (key === '__proto__') throw undecodable('a key named __proto__');
  return key;
}

function readObject(count: number, depth: number): Record<string, unknown> {
  if (depth >= MAX_DEPTH) throw undecodable(`nested deeper than ${MAX_DEPTH} levels`);
  if (count * 2 > end - position) throw undecodable('more entries than bytes');
  const result: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const key = readKey();
    result[key] = read(depth + 1);
  }
  return result;
}

function readArray(count: number, depth: number): unknown[] {
  if (depth >= MAX_DEPTH) throw undecodable(`nested deeper than ${MAX_DEPTH} levels`);
  if (count > end - position) throw undecodable('more elements than bytes');
  const result: unknown[] = [];
  for (let i = 0; i < count; i++) result.push(read(depth + 1));
  return result;
}

function readBinary(length: number): Buffer {
  need(length);
  const copy = Buffer.from(bytes.subarray(position, position + length));
  position += length;
  return copy;
}

function readExtension(length: number, depth: number): unknown {
  const type = readUint8();
  need(length);
  // Every one of ours has at least a byte; the bodies below rely on it.
  if (length === 0) throw undecodable('an empty extension');
  const stop = position + length;
  const value = readExtensionBody(type, stop, depth);
  if (position !== stop) throw undecodable('an extension of the wrong length');
  return value;
}

function readExtensionBody(type: number, stop: number, depth: number): unknown {
  switch (type) {
    case EXT_UNDEFINED:
      position = stop;
      return undefined;
    case EXT_DATE:
      return new Date(readFloat(8));
    case EXT_BIGINT: {
      const negative = readUint8() === 1;
      const hex = bytes.toString('hex', position, stop);
      position = stop;
      const magnitude = hex === '' ? 0n : BigInt(`0x${hex}`);
      return negative ? -magnitude : magnitude;
    }
    case EXT_SET:
      return new Set(readNestedArray(depth));
    case EXT_MAP: {
      const flat = readNestedArray(depth);
      const map = new Map<unknown, unknown>();
      for (let i = 0; i + 1 < flat.length; i += 2) map.set(flat[i], flat[i + 1]);
      return map;
    }
    case EXT_ERROR:
      return makeError(readNestedArray(depth));
    case EXT_TYPED_ARRAY:
      return readTypedArray(stop);
    default:
      throw undecodable(`unknown extension type ${type}`);
  }
}

/** The list in an extension. Both are one level: only a list is read here, so that extensions cannot nest without depth. */
function readNestedArray(depth: number): unknown[] {
  const tag = readUint8();
  if (tag >= 0x90 && tag < 0xa0) return readArray(tag & 0x0f, depth);
  if (tag === 0xdc) return readArray(readUint16(), depth);
  if (tag === 0xdd) return readArray(readUint32(), depth);
  throw undecodable('an extension without its list');
}

function makeError([name, message, ...rest]: unknown[]): Error {
  if (typeof name !== 'string' || typeof message !== 'string') throw undecodable('an error without name or message');
  const Type = ERROR_CLASSES.get(name) ?? Error;
  const error = new Type(message, rest.length > 0 ? { cause: rest[0] } : undefined);
  if (error.name !== name) error.name = name;
  // The stack of this decoder would only mislead.
  error.stack = `${name}: ${message}`;
  return error;
}

function readTypedArray(stop: number): unknown {
  const kind = readUint8();
  const data = new Uint8Array(stop - position);
  data.set(bytes.subarray(position, stop));
  position = stop;
  if (kind === ARRAY_BUFFER_KIND) return data.buffer;
  const Type = TYPED_ARRAYS[kind];
  if (Type === undefined) throw undecodable(`unknown typed array ${kind}`);
  if (data.length % Type.BYTES_PER_ELEMENT !== 0) throw undecodable('a typed array of broken length');
  return new Type(data.buffer);
}
