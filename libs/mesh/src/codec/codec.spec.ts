import { describe, expect, it } from '@jest/globals';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { decode } from './decode.js';
import { encode, encodeInto } from './encode.js';
import { MAX_DEPTH } from './wire-types.js';

const roundTrip = (value: unknown): unknown => decode(encode(value));

/** What `encode` throws at a value that it must refuse. */
function refusalOf(value: unknown): { code: string; message: string; cause?: unknown } {
  try {
    encode(value);
  } catch (error) {
    return error as { code: string; message: string; cause?: unknown };
  }
  throw new Error('it was not refused');
}

/** `value` with a constructor of its own that no loop over its fields shows. */
function disguised(value: object, constructor: unknown): object {
  return Object.defineProperty(Object.assign(value, { f: 1 }), 'constructor', { value: constructor });
}

/** What the codec nests in, and the values that each of them holds. */
function childrenOf(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)].flat();
  if (value instanceof Set) return [...(value as Set<unknown>)];
  if (value instanceof Error) return value.cause === undefined ? [] : [value.cause];
  if (typeof value !== 'object' || value === null || value instanceof Date || ArrayBuffer.isView(value))
    return undefined;
  return Object.values(value);
}

function depthOf(value: unknown): number {
  const children = childrenOf(value);
  return children === undefined ? 0 : 1 + Math.max(0, ...children.map(depthOf));
}

/** Jest's own comparison takes exponential time for sets in sets. */
function isSame(a: unknown, b: unknown): boolean {
  const [inA, inB] = [childrenOf(a), childrenOf(b)];
  if (inA === undefined || inB === undefined) return Object.is(Number(a), Number(b));
  return (
    Object.getPrototypeOf(a) === Object.getPrototypeOf(b) &&
    inA.length === inB.length &&
    Object.keys(a as object).join() === Object.keys(b as object).join() &&
    (!(a instanceof Error) || a.message === (b as Error).message) &&
    inA.every((child, i) => isSame(child, inB[i]))
  );
}

describe('the codec', () => {
  it('brings back every kind of value it accepts', () => {
    const values = [
      null,
      true,
      false,
      undefined,
      0,
      -0,
      1,
      -1,
      -32,
      -33,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      2 ** 32 - 1,
      2 ** 32,
      -(2 ** 31),
      -(2 ** 31) - 1,
      Number.MAX_SAFE_INTEGER,
      1.5,
      Number.POSITIVE_INFINITY,
      '',
      'a'.repeat(31),
      'a'.repeat(32),
      'ä'.repeat(40),
      '😀',
      'x'.repeat(70_000),
      0n,
      -1n,
      2n ** 200n,
      new Date(1_732_000_000_123),
      new Map<unknown, unknown>([[{ a: 1 }, new Set([1, 'b'])]]),
      new Set([new Map([['k', null]])]),
      [1, [2, [3]]],
      { a: { b: { c: [true, null] } }, ключ: 1 },
    ];
    for (const value of values) expect(roundTrip(value)).toStrictEqual(value);
    expect(roundTrip(Number.NaN)).toBeNaN();
    expect((roundTrip(new Date(Number.NaN)) as Date).getTime()).toBeNaN();
  });

  it('brings back binary values as what they were, sharing no memory', () => {
    const buffer = Buffer.from([1, 2, 3]);
    const back = roundTrip(buffer) as Buffer;
    expect(Buffer.isBuffer(back)).toBe(true);
    expect([...back]).toEqual([1, 2, 3]);
    for (const typed of [
      new Float64Array([1.5, -2]),
      new Uint16Array([1, 2]),
      new BigInt64Array([-5n]),
      new Uint8ClampedArray([9]),
    ]) {
      expect(roundTrip(typed)).toStrictEqual(typed);
    }
    const raw = roundTrip(new Uint8Array([7, 8]).buffer) as ArrayBuffer;
    expect([...new Uint8Array(raw)]).toEqual([7, 8]);

    const frame = encode({ buffer });
    const decoded = decode(frame) as { buffer: Buffer };
    frame.fill(0xff);
    expect([...decoded.buffer]).toEqual([1, 2, 3]);
  });

  it('brings back errors with their class, message and cause, and without a stack of ours', () => {
    const error = roundTrip(new RangeError('too far', { cause: 'the edge' })) as RangeError;
    expect(error.name).toBe('RangeError');
    expect(error.message).toBe('too far');
    expect(error.cause).toBe('the edge');
    expect(error.stack).toBe('RangeError: too far');
    class PaymentError extends Error {
      override name = 'PaymentError';
    }
    const custom = roundTrip(new PaymentError('declined')) as Error;
    expect(custom.name).toBe('PaymentError');
    expect(custom.constructor.name).toBe('Error');
  });

  it('brings back any JSON-like value (property)', () => {
    const value = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        fc.string({ unit: 'binary' }),
        fc.double(),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.bigInt(),
        fc.array(tie('value'), { maxLength: 5 }),
        fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          tie('value'),
          { maxKeys: 5, noNullPrototype: true },
        ),
      ),
    })).value;
    fc.assert(
      fc.property(value, (v) => {
        expect(roundTrip(v)).toStrictEqual(v);
      }),
    );
  });

  it.each<[unknown, string, string]>([
    [{ a: { b: [1, (): void => undefined] } }, 'payload.a.b[1]', 'a function'],
    [{ s: Symbol('x') }, 'payload.s', 'a symbol'],
    [{ 'flag:checkout': { s: Symbol('x') } }, 'payload["flag:checkout"].s', 'a symbol'],
    [new Map([['k', new Set([() => 1])]]), 'payload[1][0]', 'a function'],
    [new Error('e', { cause: { f: () => 1 } }), 'payload.cause.f', 'a function'],
    [[Promise.resolve()], 'payload[0]', 'a promise'],
    [{ w: new WeakMap() }, 'payload.w', 'a WeakMap'],
    [{ w: new WeakSet() }, 'payload.w', 'a WeakSet'],
    [{ r: /x/ }, 'payload.r', 'a RegExp'],
    // Their content is not in their fields, so they would arrive as {}.
    [{ n: new Number(5) }, 'payload.n', 'a Number'],
    [{ s: new String('x') }, 'payload.s', 'a String'],
    [{ b: new Boolean(false) }, 'payload.b', 'a Boolean'],
    [{ b: Object(1n) as unknown }, 'payload.b', 'a BigInt'],
    [{ b: new SharedArrayBuffer(2) }, 'payload.b', 'a SharedArrayBuffer'],
    [{ b: new DataView(new ArrayBuffer(2)) }, 'payload.b', 'a DataView'],
    [{ b: new Blob(['x']) }, 'payload.b', 'a Blob'],
    [{ h: new Headers({ a: 'b' }) }, 'payload.h', 'a Headers'],
    [{ q: new URLSearchParams('a=b') }, 'payload.q', 'a URLSearchParams'],
    [{ e: new Event('x') }, 'payload.e', 'a Event'],
    [{ f: new Intl.NumberFormat('en') }, 'payload.f', 'a NumberFormat'],
    [{ i: [1].values() }, 'payload.i', 'Array Iterator'],
    [{ i: new Map().entries() }, 'payload.i', 'Map Iterator'],
    [{ i: 'x'.matchAll(/x/g) }, 'payload.i', 'RegExp String Iterator'],
    [{ i: new Headers().keys() }, 'payload.i', 'Headers Iterator'],
    [
      {
        g: (function* (): Generator<number> {
          yield 1;
        })(),
      },
      'payload.g',
      'Generator',
    ],
    [
      {
        g: (async function* (): AsyncGenerator<number> {
          yield await Promise.resolve(1);
        })(),
      },
      'payload.g',
      'AsyncGenerator',
    ],
    [{ m: Math }, 'payload.m', 'Math'],
    [{ p: new (class extends Promise<void> {})(() => undefined) }, 'payload.p', 'a promise'],
    [{ p: runInNewContext('Promise.resolve()') as unknown }, 'payload.p', 'a promise'],
    [{ r: runInNewContext('/x/') as unknown }, 'payload.r', 'a RegExp'],
    [{ i: runInNewContext('[1].values()') as unknown }, 'payload.i', 'Array Iterator'],
    [
      {
        t: new (class {
          get [Symbol.toStringTag]() {
            return 'Tally';
          }
        })(),
      },
      'payload.t',
      'Tally',
    ],
    // Slots cannot be read through a proxy, nor inherited.
    [{ m: new Proxy(new Map([[1, 2]]), {}) }, 'payload.m', 'a proxy of a Map'],
    [{ s: new Proxy(new Set([1]), {}) }, 'payload.s', 'a proxy of a Set'],
    [[new Proxy(new Date(0), {})], 'payload[0]', 'a proxy of a Date'],
    [{ r: new Proxy(/x/, {}) }, 'payload.r', 'a RegExp'],
    [{ u: new Proxy(new Uint16Array(2), {}) }, 'payload.u', 'a proxy of a typed array'],
    [{ u: new Proxy(new ArrayBuffer(2), {}) }, 'payload.u', 'a proxy of a typed array'],
    [{ b: new Proxy(Buffer.alloc(2), {}) }, 'payload.b', 'not to be read'],
    [{ m: Object.create(Map.prototype) as unknown }, 'payload.m', 'only inherits'],
    // What calls itself a plain object, or nothing at all, and keeps its content where fields do not show it.
    [{ m: disguised(new Map([[1, 2]]), undefined) }, 'payload.m', 'a disguised Map'],
    [{ m: disguised(new Map([[1, 2]]), Object) }, 'payload.m', 'a disguised Map'],
    [{ m: Object.assign(new Map([[1, 2]]), { constructor: Object }) }, 'payload.m', 'a disguised Map'],
    [{ d: Object.assign(new Date(5), { constructor: undefined }) }, 'payload.d', 'a disguised Date'],
    [{ n: Object.assign(Object(5) as object, { constructor: undefined }) }, 'payload.n', 'a disguised boxed primitive'],
    [{ a: disguised([1, 2], Object) }, 'payload.a', 'a disguised Array'],
    [{ a: Object.setPrototypeOf([1, 2], null) as unknown }, 'payload.a', 'a disguised Array'],
    [{ u: Object.setPrototypeOf(new Uint8Array([1]), null) as unknown }, 'payload.u', 'a disguised typed array'],
    [{ e: Object.setPrototypeOf(new Error('x'), null) as unknown }, 'payload.e', 'a disguised Error'],
    [
      { m: Object.setPrototypeOf(Object.assign(new Map([[1, 2]]), { f: 1 }), null) as unknown },
      'payload.m',
      'a disguised Map',
    ],
    // Half of a surrogate pair has no UTF-8.
    ['\ud800', 'payload', 'half of a surrogate pair'],
    [{ a: ['x'.repeat(100) + '\udc00'] }, 'payload.a[0]', 'half of a surrogate pair'],
    [{ a: { '\ud800': 1, '\ud801': 2 } }, 'payload.a', 'a key that is text with half of a surrogate pair'],
    [{ e: new Error('\udfff') }, 'payload.e.message', 'half of a surrogate pair'],
    [JSON.parse('{"a": {"__proto__": 1}}'), 'payload.a', '__proto__'],
    [{ e: Object.assign(new Error('x'), { name: 5 }) }, 'payload.e.name', 'no string'],
    [{ e: Object.assign(new Error('x'), { message: { a: 1 } }) }, 'payload.e.message', 'no string'],
    [[Object.assign(new Error('x'), { message: undefined })], 'payload[0].message', 'no string'],
  ])('refuses what cannot travel, with its path: %#', (value, path, what) => {
    const { code, message } = refusalOf(value);
    expect(code).toBe('CLUSTER_INVALID_PAYLOAD');
    expect(message.slice(0, `The ${path} is `.length)).toBe(`The ${path} is `);
    expect(message).toContain(what);
  });

  it('shows a path of reasonable length only, on one line', () => {
    const value = { a: [[[[[[[[{ b: { c: () => 1 } }]]]]]]]] };
    expect(refusalOf(value).message).toContain('The payload.a[0][0][0][0][0][0][0]... is a function');
    expect(refusalOf({ [`x\n${'y'.repeat(500)}`]: () => 1 }).message).toMatch(
      /^The payload\["x\\ny{62}"\] is a function/,
    );
  });

  it.each<[unknown, string]>([
    [
      {
        a: [
          {
            get b(): never {
              throw new RangeError('mine');
            },
          },
        ],
      },
      'payload.a[0].b',
    ],
    [
      {
        a: new (class {
          toJSON(): never {
            throw new RangeError('mine');
          }
        })(),
      },
      'payload.a',
    ],
    [
      [
        new Proxy(
          {},
          {
            ownKeys() {
              throw new RangeError('mine');
            },
          },
        ),
      ],
      'payload[0]',
    ],
    [
      {
        a: new Proxy([1, 2], {
          get(target, key) {
            if (key === '1') throw new RangeError('mine');
            return Reflect.get(target, key) as unknown;
          },
        }),
      },
      'payload.a[1]',
    ],
    [
      {
        e: Object.defineProperty(new Error('x'), 'message', {
          get() {
            throw new RangeError('mine');
          },
        }),
      },
      'payload.e.message',
    ],
    [
      {
        e: Object.defineProperty(new Error('x'), 'cause', {
          get() {
            throw new RangeError('mine');
          },
        }),
      },
      'payload.e.cause',
    ],
    [
      new Proxy(new Map(), {
        get() {
          throw new RangeError('mine');
        },
      }),
      'payload',
    ],
  ])('gives an error that is thrown while it reads as the cause, with the path: %#', (value, path) => {
    const { code, message, cause } = refusalOf(value);
    expect([code, message.split(' ')[1]]).toEqual(['CLUSTER_INVALID_PAYLOAD', path]);
    expect(cause).toEqual(new RangeError('mine'));
    expect(message).not.toContain('mine');
    expect(roundTrip({ ok: 1 })).toEqual({ ok: 1 });
  });

  it('refuses what a getter publishes meanwhile, and with it the value that has the getter', () => {
    const value = {
      inner: {
        get sly(): unknown {
          return encode(1);
        },
      },
    };
    const { code, message, cause } = refusalOf(value);
    expect([code, message.split(' ')[1]]).toEqual(['CLUSTER_INVALID_PAYLOAD', 'payload.inner.sly']);
    expect(cause).toMatchObject({ code: 'CLUSTER_INVALID_PAYLOAD' });
  });

  it('carries over what comes from another realm', () => {
    const theirs = runInNewContext(`({
      map: new Map([['k', { a: [1] }]]), set: new Set(['x']), date: new Date(5), plain: { deep: { n: null } },
      bytes: new Uint16Array([1, 2]), raw: new Uint8Array([3]).buffer, bare: Object.create(null),
      error: new TypeError('bad', { cause: new Error('why') }),
    })`) as unknown;
    const back = roundTrip(theirs) as { error: Error };
    expect(back).toEqual({
      map: new Map([['k', { a: [1] }]]),
      set: new Set(['x']),
      date: new Date(5),
      plain: { deep: { n: null } },
      bytes: new Uint16Array([1, 2]),
      raw: new Uint8Array([3]).buffer,
      bare: {},
      error: new TypeError('bad', { cause: new Error('why') }),
    });
    expect(back.error).toBeInstanceOf(TypeError);
  });

  it('carries instances of classes as their fields, by toJSON where there is one, and those of built-in classes as these', () => {
    class Money {
      readonly #secret = 1;
      static made = 0;
      constructor(readonly amount: number) {}
      get doubled(): number {
        return this.amount * 2 * this.#secret;
      }
    }
    class Price extends Money {
      readonly currency = 'EUR';
    }
    class Tagged {
      readonly a = 1;
      readonly [Symbol.toStringTag] = 'Tagged';
    }
    class Ping {}
    class Registry extends Map<string, number> {}
    function Old(this: { a: number }): void {
      this.a = 1;
    }
    expect(roundTrip(new Price(5))).toStrictEqual({ amount: 5, currency: 'EUR' });
    expect(roundTrip(new Proxy(new Price(5), {}))).toEqual({ amount: 5, currency: 'EUR' });
    expect(roundTrip([new Tagged(), new Ping(), Reflect.construct(Old, [])])).toStrictEqual([{ a: 1 }, {}, { a: 1 }]);
    expect(roundTrip({ constructor: 'x', toJSON: 1 })).toStrictEqual({ constructor: 'x', toJSON: 1 });
    expect(roundTrip(Object.assign(Object.create(null), { constructor: 1 }))).toStrictEqual({ constructor: 1 });
    expect(roundTrip(new URL('http://a.b/c'))).toBe('http://a.b/c');
    expect(roundTrip(new Registry([['a', 1]]))).toStrictEqual(new Map([['a', 1]]));
    expect(roundTrip(new Proxy([1, 2], {}))).toStrictEqual([1, 2]);
    expect(roundTrip(new DOMException('stop', 'AbortError'))).toMatchObject({ name: 'AbortError', message: 'stop' });
  });

  it('keeps the name of an error, an empty one too', () => {
    const error = roundTrip(Object.assign(new Error('x'), { name: '' })) as Error;
    expect([error.name, error.message]).toEqual(['', 'x']);
  });

  it('copies a map or set before it reads what is in it', () => {
    const map = new Map<string, unknown>();
    map.set('a', {
      get grow(): number {
        map.set('b', 1);
        return map.size;
      },
    });
    expect(roundTrip(map)).toEqual(new Map([['a', { grow: 2 }]]));
  });

  it('does not walk a sparse array of billions for nothing', () => {
    expect(encodeInto(Buffer.alloc(100), 0, { a: new Array(2 ** 32 - 1) })).toBe(-1);
  });

  it('refuses cycles, and works on afterwards', () => {
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(() => encode(cycle)).toThrow(expect.objectContaining({ code: 'CLUSTER_INVALID_PAYLOAD' }));
    expect(roundTrip({ ok: 1 })).toEqual({ ok: 1 });
  });

  it('says -1 when a value does not fit, wherever it ends (property)', () => {
    const value = {
      key: 'flag:checkout',
      at: 1_732_000_000_000,
      list: [1.5, 'é'.repeat(50), Buffer.alloc(300), new Map([[1, 2]])],
    };
    const { length } = encode(value);
    for (let room = 0; room < length; room++) expect(encodeInto(Buffer.alloc(room), 0, value)).toBe(-1);
    expect(encodeInto(Buffer.alloc(length), 0, value)).toBe(length);
  });

  it('takes any bytes without any error but its own, and touches no prototype (fuzz)', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode(Buffer.from(bytes));
        } catch (error) {
          expect((error as { code?: string }).code).toBe('CLUSTER_UNDECODABLE');
        }
      }),
      { numRuns: 5_000 },
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('takes every valid encoding that was cut or changed in one byte without any error but its own (fuzz)', () => {
    const whole = encode({
      a: [1, 'two', new Date(0), new Map([[1, 2n]]), new Error('x'), new Uint16Array(3)],
      b: { c: undefined },
    });
    for (let end = 0; end < whole.length; end++) {
      expect(() => decode(whole, 0, end)).toThrow(expect.objectContaining({ code: 'CLUSTER_UNDECODABLE' }));
    }
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Buffer.from(whole);
        changed[at] = byte;
        try {
          decode(changed);
        } catch (error) {
          expect((error as { code?: string }).code).toBe('CLUSTER_UNDECODABLE');
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('refuses a key named __proto__ from the wire', () => {
    const bytes = encode({ __proto_x: 1 });
    const text = '__proto__';
    bytes.write(text, 2);
    expect(() => decode(bytes)).toThrow(/__proto__/);
  });

  it('decodes, and equal, exactly what it encodes, however it is nested (property)', () => {
    const wrap = fc.constantFrom<(inner: unknown, beside: unknown) => unknown>(
      (inner) => ({ inner }),
      (inner, beside) => ({ beside, inner }),
      (inner) => [inner],
      (inner, beside) => [beside, inner],
      (inner, beside) => new Map([[beside, inner]]),
      (inner, beside) => new Map([[inner, beside]]),
      (inner, beside) => new Set([beside, inner]),
      (inner) => new TypeError('outer', { cause: inner }),
    );
    const leaf = fc
      .constantFrom(
        () => 1,
        () => ({}),
        () => [],
        () => new Map(),
        () => new Set(),
        () => new Error('x'),
        () => new Date(3),
      )
      .map((make): unknown => make());
    const shallow = fc
      .array(wrap, { maxLength: 4 })
      .chain((wraps) => leaf.map((inner) => wraps.reduce<unknown>((value, around) => around(value, 2), inner)));
    const nested = fc
      .tuple(
        fc.array(fc.tuple(wrap, shallow), { minLength: MAX_DEPTH - 6, maxLength: MAX_DEPTH + 3, size: 'max' }),
        leaf,
      )
      .map(([wraps, inner]) => wraps.reduce<unknown>((value, [around, beside]) => around(value, beside), inner));
    let fitting = 0;
    fc.assert(
      fc.property(nested, (value) => {
        if (depthOf(value) > MAX_DEPTH) {
          expect(refusalOf(value)).toMatchObject({ code: 'CLUSTER_INVALID_PAYLOAD' });
        } else {
          fitting++;
          expect(isSame(roundTrip(value), value)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
    expect(fitting).toBeGreaterThan(50);
  });

  it.each<[string, (inner: unknown) => unknown]>([
    ['objects', (inner) => ({ inner })],
    ['arrays', (inner) => [inner]],
    ['sets', (inner) => new Set([inner])],
    ['maps', (inner) => new Map([[1, inner]])],
    ['causes', (inner) => new Error('x', { cause: inner })],
  ])('nests %s as deep as is said, and no deeper', (_, wrap) => {
    let deep: unknown = new Date(0);
    for (let i = 0; i < MAX_DEPTH; i++) deep = wrap(deep);
    expect(depthOf(roundTrip(deep))).toBe(MAX_DEPTH);
    expect(refusalOf(wrap(deep)).message).toContain('nested deeper than 128 levels');
  });

  it('refuses a toJSON that never ends', () => {
    class Endless {
      toJSON(): Endless {
        return new Endless();
      }
    }
    expect(refusalOf(new Endless()).message).toContain('nested deeper');
  });

  it('bounds depth before the stack does', () => {
    expect(() => decode(Buffer.alloc(100_000, 0x91))).toThrow(/nested deeper/);
    const extensions = Buffer.alloc(60_000);
    for (let at = 0; at < extensions.length; at += 6) {
      extensions[at] = 0xc9;
      extensions.writeUInt32BE(extensions.length - at - 6, at + 1);
      extensions[at + 5] = 0x02;
    }
    expect(() => decode(extensions)).toThrow(/without its list/);
    let deep: unknown = 1;
    for (let i = 0; i < 200; i++) deep = [deep];
    expect(() => encode(deep)).toThrow(/nested deeper/);
  });
});
