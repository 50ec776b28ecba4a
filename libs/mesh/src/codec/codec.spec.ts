import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decode } from './decode.js';
import { encode, encodeInto } from './encode.js';

const roundTrip = (value: unknown): unknown => decode(encode(value));

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

  it.each([
    [{ a: { b: [1, (): void => undefined] } }, 'payload.a.b[1]', 'a function'],
    [{ s: Symbol('x') }, 'payload.s', 'a symbol'],
    [[Promise.resolve()], 'payload[0]', 'a promise'],
    [{ w: new WeakMap() }, 'payload.w', 'a WeakMap'],
    [JSON.parse('{"__proto__": 1}'), 'payload', '__proto__'],
  ])('refuses what cannot travel, with its path: %#', (value, path, what) => {
    expect(() => encode(value)).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_INVALID_PAYLOAD',
        message: expect.stringMatching(new RegExp(`${path.replace(/[[\].]/g, '\\$&')} .*${what}`)) as unknown as string,
      }),
    );
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

  it('bounds depth before the stack does', () => {
    expect(() => decode(Buffer.alloc(100_000, 0x91))).toThrow(/nested deeper/);
    let deep: unknown = 1;
    for (let i = 0; i < 200; i++) deep = [deep];
    expect(() => encode(deep)).toThrow(/nested deeper/);
  });
});
