/**
 * Values to bytes, in one pass: what cannot travel is refused with its path while it is being written, and nothing is
 * left behind. Writes straight into the caller's buffer, since a publication is encoded once, into the log.
 */
import { types } from 'node:util';
import { ClusterError } from '../errors.js';
import { natureOf, slotsOf } from './nature.js';
import { asRefused, invalidPayload, Refused, refusedKey } from './refusal.js';
import {
  ARRAY_BUFFER_KIND,
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
// getters and their like, see `encodeInto`), and module variables are what the optimiser handles best on this hot path.
let bytes: Buffer = Buffer.alloc(0);
let view: DataView = new DataView(bytes.buffer);
let position = 0;
let busy = false;

/** A payload did not fit into the room that was left. Thrown inside, seen by nobody. */
class NoRoom extends Error {}
const noRoom = new NoRoom('no room');

/** Reads no code unit of a text that V8 holds in Latin-1. TypeScript knows it from ES2024 on only. */
const WELL_FORMED = String.prototype as unknown as { isWellFormed(this: string): boolean };

/** The getter that says which typed array something is, of whichever realm, and undefined for a proxy of one. */
const TYPED_ARRAY_NAME = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!;

const views = new WeakMap<ArrayBufferLike, DataView>();

/**
 * Encodes `value` into `target` from `start` on and returns the position after it, or -1 when it does not fit.
 * @throws ClusterError `CLUSTER_INVALID_PAYLOAD` when the value holds something that cannot travel; the message has its path.
 */
export function encodeInto(target: Buffer, start: number, value: unknown): number {
  if (busy) throw invalidPayload(new Refused('published by a getter or proxy while its object is being encoded'));
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
    throw invalidPayload(asRefused(error));
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
  // UTF-8 has no place for half of a pair: it would arrive as another character, and so might a second one.
  if (!WELL_FORMED.isWellFormed.call(text)) throw new Refused('text with half of a surrogate pair');
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
  // Bytes past the end are dropped silently, so without this check a huge value is walked to its end for nothing.
  if (position > bytes.length) throw noRoom;
  // What calls itself an Object mostly is one, and asking for its prototype costs more; `writeFields` looks twice.
  const type = value.constructor as unknown;
  if (type === Object || type === undefined) {
    if (type === undefined || Object.hasOwn(value, 'constructor')) assertFieldsAreAll(value);
    return writeFields(value as Fields, depth);
  }
  if (Array.isArray(value)) return writeArray(value, depth);
  writeInstance(value, depth);
}

function writeInstance(value: object, depth: number): void {
  const { kind, name } = natureOf(value);
  switch (kind) {
    case 'date':
      return writeDate(value as Date);
    case 'map':
      return writeMap(value as Map<unknown, unknown>, depth);
    case 'set':
      return writeSet(value as Set<unknown>, depth);
    case 'error':
      return writeError(value as Error, depth);
    case 'binary':
      return Buffer.isBuffer(value) ? writeBinary(value) : writeTypedArray(value as ArrayBufferView | ArrayBuffer);
  }
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') {
    assertDepth(depth);
    return write((value as { toJSON(): unknown }).toJSON(), depth + 1);
  }
  if (kind === 'sealed') throw new Refused(name === 'Promise' ? 'a promise (await it first)' : `a ${name} object`);
  // Instances of classes travel as their own enumerable fields, as with JSON.
  writeFields(value as Fields, depth);
}

/** Values nest in objects, arrays, maps, sets and errors; the decoder counts the same. Also ends cycles. */
function assertDepth(depth: number): void {
  if (depth >= MAX_DEPTH) throw new Refused(`nested deeper than ${MAX_DEPTH} levels, or a cycle`);
}

type Fields = Record<string, unknown>;

function writeFields(value: Fields, depth: number): void {
  assertDepth(depth);
  const keys = Object.keys(value);
  const count = keys.length;
  if (count === 0) assertEmpty(value);
  if (count < 16) bytes[position++] = 0x80 | count;
  else writeHeader16or32(0xde, count);
  let step: string | undefined;
  try {
    for (let i = 0; i < count; i++) {
      const key = keys[i]!;
      step = undefined;
      if (key === '__proto__') throw new Refused('named __proto__');
      writeString(key);
      step = key;
      const child = value[key];
      const type = typeof child;
      if (type === 'string') writeString(child as string);
      else if (type === 'number') writeNumber(child as number);
      else if (type === 'boolean') bytes[position++] = child ? 0xc3 : 0xc2;
      else write(child, depth + 1);
    }
  } catch (error) {
    throw located(error, step);
  }
}

/** Whoever has no constructor, or one of its own, may be a built-in object in disguise. */
function assertFieldsAreAll(value: object): void {
  const name = slotsOf(value);
  if (name !== undefined) throw new Refused(`a disguised ${name}, by its prototype or a constructor of its own`);
}

/** Without fields it is either empty, or something whose content is elsewhere, such as an iterator. */
function assertEmpty(value: object): void {
  if (natureOf(value).kind === 'fields' && !(Symbol.toStringTag in value)) return;
  throw new Refused(`an object without fields (${Object.prototype.toString.call(value)})`);
}

function writeArray(value: readonly unknown[], depth: number): void {
  assertDepth(depth);
  const count = value.length;
  // An element takes a byte at least, and a sparse array has billions for nothing.
  if (position + count > bytes.length) throw noRoom;
  if (count < 16) bytes[position++] = 0x90 | count;
  else writeHeader16or32(0xdc, count);
  let i = 0;
  try {
    for (; i < count; i++) {
      const child = value[i];
      if (typeof child === 'string') writeString(child);
      else write(child, depth + 1);
    }
  } catch (error) {
    throw located(error, i);
  }
}

/** `error` with one more step of its path: the key or index that it came from, or undefined when the key itself is it. */
function located(error: unknown, step: string | number | undefined): Error {
  if (error === noRoom) return noRoom;
  if (step === undefined) return refusedKey(error);
  const refused = asRefused(error);
  refused.path.unshift(step);
  return refused;
}

function writeDate(value: Date): void {
  let time: number;
  try {
    time = Date.prototype.getTime.call(value);
  } catch (error) {
    throw impostor('Date', error);
  }
  bytes[position++] = 0xd7; // fixext 8
  bytes[position++] = EXT_DATE;
  if (position + 8 > bytes.length) throw noRoom;
  view.setFloat64(position, time);
  position += 8;
}

function impostor(name: string, cause?: unknown): Refused {
  return new Refused(`a proxy of a ${name}, or an object that only inherits from it`, cause);
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
  let kind: number;
  let data: Uint8Array;
  if (types.isArrayBuffer(value)) {
    kind = ARRAY_BUFFER_KIND;
    data = new Uint8Array(value);
  } else {
    const name: unknown = TYPED_ARRAY_NAME.get!.call(value);
    kind = TYPED_ARRAYS.findIndex((type) => type.name === name);
    if (kind < 0) throw impostor('typed array');
    const { buffer, byteOffset, byteLength } = value;
    data = new Uint8Array(buffer, byteOffset, byteLength);
  }
  writeExtensionHeader(EXT_TYPED_ARRAY, data.length + 1);
  if (position + data.length + 1 > bytes.length) throw noRoom;
  bytes[position++] = kind;
  bytes.set(data, position);
  position += data.length;
}

/** Leaves room for the header of an extension whose length is known when its body is written; see {@link closeExtension}. */
function openExtension(): number {
  position += 6;
  return position - 6;
}

function closeExtension(header: number, type: number): void {
  if (position > bytes.length) throw noRoom;
  bytes[header] = 0xc9;
  view.setUint32(header + 1, position - header - 6);
  bytes[header + 5] = type;
}

// Sets and maps are copied first: what a getter in them does to them must not make the count a lie.
function writeSet(value: ReadonlySet<unknown>, depth: number): void {
  const members: unknown[] = [];
  try {
    Set.prototype.forEach.call(value, (member: unknown) => members.push(member));
  } catch (error) {
    throw impostor('Set', error);
  }
  const header = openExtension();
  writeArray(members, depth);
  closeExtension(header, EXT_SET);
}

function writeMap(value: ReadonlyMap<unknown, unknown>, depth: number): void {
  const flat: unknown[] = [];
  try {
    Map.prototype.forEach.call(value, (member: unknown, key: unknown) => flat.push(key, member));
  } catch (error) {
    throw impostor('Map', error);
  }
  const header = openExtension();
  writeArray(flat, depth);
  closeExtension(header, EXT_MAP);
}

function writeError(value: Error, depth: number): void {
  assertDepth(depth);
  const header = openExtension();
  let step = 'cause';
  try {
    const { cause } = value;
    bytes[position++] = cause === undefined ? 0x92 : 0x93;
    step = 'name';
    writeErrorText(value.name);
    step = 'message';
    writeErrorText(value.message);
    step = 'cause';
    if (cause !== undefined) write(cause, depth + 1);
  } catch (error) {
    throw located(error, step);
  }
  closeExtension(header, EXT_ERROR);
}

/** The name and message of an error may have been overwritten with anything. */
function writeErrorText(text: unknown): void {
  if (typeof text !== 'string') throw new Refused('no string, as the name and message of an Error are');
  writeString(text);
}
