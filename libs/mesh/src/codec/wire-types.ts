/**
 * The payload format: MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) with a few extension
 * types of ours for values that MessagePack does not have.
 */

/** Extension type numbers. Application types of MessagePack are 0 to 127; -1 is its own timestamp, written as 0xff. */
export const EXT_UNDEFINED = 0x00;
export const EXT_BIGINT = 0x01;
export const EXT_SET = 0x02;
export const EXT_MAP = 0x03;
export const EXT_ERROR = 0x04;
export const EXT_TYPED_ARRAY = 0x05;
export const EXT_DATE = 0x06;

/** Nesting deeper than this is refused on both sides: it bounds the stack that a hostile payload can take. */
export const MAX_DEPTH = 128;

type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

interface TypedArrayConstructor {
  readonly name: string;
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer): TypedArray;
}

/**
 * Kinds of binary values; the position in this list is the number on the wire, so it only ever grows at its end.
 * A `Buffer` travels as MessagePack's own `bin`, and an `ArrayBuffer` as the last kind.
 */
export const TYPED_ARRAYS: readonly TypedArrayConstructor[] = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
];
export const ARRAY_BUFFER_KIND = 32;

/** Error classes that travel by name; any other arrives as a plain `Error` that keeps its `name`. */
export const ERROR_CLASSES: ReadonlyMap<string, new (message: string, options?: ErrorOptions) => Error> = new Map(
  [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((type) => [type.name, type]),
);
