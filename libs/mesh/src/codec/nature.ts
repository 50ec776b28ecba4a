/**
 * What an object is, whatever realm it comes from: its content may be in its fields, or in slots that only its built-in
 * class can read. Such an object must not travel as the fields that it does not have.
 */
import { types } from 'node:util';
import { ERROR_CLASSES, TYPED_ARRAYS } from './wire-types.js';

/** `fields`: an instance of somebody's class. `sealed`: a built-in that cannot travel. */
type Kind = 'fields' | 'date' | 'map' | 'set' | 'error' | 'binary' | 'sealed';

export interface Nature {
  readonly kind: Kind;
  /** The name of the built-in class; empty for a class of somebody's own. */
  readonly name: string;
}

const CARRIED: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ['Date', 'date'],
  ['Map', 'map'],
  ['Set', 'set'],
  ...[...ERROR_CLASSES.keys()].map((name): [string, Kind] => [name, 'error']),
  ...TYPED_ARRAYS.map(({ name }): [string, Kind] => [name, 'binary']),
  ['ArrayBuffer', 'binary'],
]);

const PLAIN: Nature = { kind: 'fields', name: '' };

const natures = new WeakMap<object, Nature>();

export function natureOf(value: object): Nature {
  const prototype = prototypeOf(value);
  if (prototype === null) return PLAIN;
  let nature = natures.get(prototype);
  if (nature === undefined) {
    nature = examine(prototype);
    natures.set(prototype, nature);
  }
  return nature;
}

function examine(prototype: object): Nature {
  let sealed: string | undefined;
  // The root is the Object.prototype of some realm, and says nothing.
  for (let at = prototype, above = prototypeOf(at); above !== null; at = above, above = prototypeOf(at)) {
    const name = builtInName(at);
    if (name === undefined) continue;
    const kind = CARRIED.get(name);
    if (kind !== undefined) return { kind, name };
    sealed ??= name;
  }
  return sealed === undefined ? PLAIN : { kind: 'sealed', name: sealed };
}

function prototypeOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null;
}

/** The name of the built-in class that has this very prototype. */
function builtInName(prototype: object): string | undefined {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor === 'function') return isBuiltIn(constructor) ? constructor.name : undefined;
  // Iterators and generators have no constructor, and a tag that nobody can write.
  const tag = Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag);
  if (tag === undefined || tag.enumerable || tag.writable) return undefined;
  return typeof tag.value === 'string' ? tag.value : undefined;
}

// eslint-disable-next-line @typescript-eslint/no-unsafe-function-type -- nothing is known of it, and it is not called
function isBuiltIn(constructor: Function): boolean {
  if (types.isProxy(constructor)) return false;
  if (/\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(constructor))) return true;
  // Node writes Blob, Headers and their like in JavaScript. What an application makes global itself is enumerable.
  const { name } = constructor;
  if (Object.getOwnPropertyDescriptor(globalThis, name)?.enumerable !== false) return false;
  return (globalThis as Record<string, unknown>)[name] === constructor;
}

/** What tells by its slots alone that the content of an object is not in its fields, whatever prototype it has. */
const SLOTS: readonly (readonly [name: string, has: (value: unknown) => boolean])[] = [
  ['Array', (value) => Array.isArray(value)],
  ['typed array', (value) => ArrayBuffer.isView(value)],
  ['ArrayBuffer', types.isAnyArrayBuffer],
  ['Map', types.isMap],
  ['Set', types.isSet],
  ['Date', types.isDate],
  ['Error', types.isNativeError],
  ['boxed primitive', types.isBoxedPrimitive],
  ['Promise', types.isPromise],
  ['RegExp', types.isRegExp],
  ['WeakMap', types.isWeakMap],
  ['WeakSet', types.isWeakSet],
];

/** The name of what an object holds beside its fields, found without its prototype; undefined when it holds nothing more. */
export function slotsOf(value: object): string | undefined {
  return SLOTS.find(([, has]) => has(value))?.[0];
}
