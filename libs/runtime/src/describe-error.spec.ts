import { parse } from 'node:querystring';
import { describe, expect, it } from '@jest/globals';
import { describeError, describeErrorWithStack, describeValue } from './describe-error.js';

const cyclic = new AggregateError([], '');
cyclic.errors.push(cyclic, cyclic);

/** What a handler may throw, and String() or a template cannot take. */
const UNSPEAKABLE: [string, unknown][] = [
  ['an object without prototype', Object.create(null)],
  ['what querystring parses', parse('error=denied')],
  ['a stack that is a symbol', Object.assign(new Error('x'), { stack: Symbol('s') })],
  ['a message that is a symbol', Object.assign(new Error('x'), { message: Symbol('s'), stack: undefined })],
  ['a getter that throws', Object.defineProperty(new Error('x'), 'stack', { get: fail })],
  ['two getters that throw', Object.defineProperties(new Error('x'), { stack: { get: fail }, message: { get: fail } })],
  ['a toString that is no function', { toString: 1 }],
  ['a proxy that refuses everything', new Proxy({}, { get: fail, getPrototypeOf: fail, ownKeys: fail })],
  ['a proxy that was revoked', revoked()],
  ['a symbol', Symbol('s')],
  ['a tag that throws', Object.defineProperty({}, Symbol.toStringTag, { get: fail })],
  ['an error that holds itself', cyclic],
  ['nothing', undefined],
];

function fail(): never {
  throw Object.create(null);
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('the text about what was thrown', () => {
  it.each(UNSPEAKABLE)('is there for %s', (_name, error) => {
    for (const describeIt of [describeError, describeErrorWithStack, describeValue]) {
      expect(describeIt(error)).toEqual(expect.stringMatching(/./));
    }
  });

  it('is the message of an error, or its name where that is empty', () => {
    expect(describeError(new TypeError('no such flag'))).toBe('no such flag');
    expect(describeError(new TypeError(''))).toBe('TypeError');
    expect(describeError('plain')).toBe('plain');
    expect(describeError({ status: 403 })).toBe('{ status: 403 }');
  });

  it('is that of every error in an aggregate without a message of its own', () => {
    expect(describeError(new AggregateError([new Error('one'), 'two', Object.create(null)]))).toMatch(
      /^one; two; \[Object: null prototype\] \{\}$/,
    );
  });

  it('is the stack where one is wanted and is there', () => {
    expect(describeErrorWithStack(new Error('x'))).toMatch(/^Error: x\n +at /);
    expect(describeErrorWithStack(Object.assign(new Error('x'), { stack: undefined }))).toBe('x');
  });

  it('is one line of bounded length for a value', () => {
    expect(describeValue('127.0.0.1:5')).toBe("'127.0.0.1:5'");
    expect(describeValue({ host: 'a\nb', port: '5' })).toBe("{ host: 'a\\nb', port: '5' }");
    expect(describeValue('x'.repeat(1_000)).length).toBeLessThan(100);
    expect(
      describeValue(
        Array.from({ length: 1_000 }, (_, i) => ({ i })),
        40,
      ).length,
    ).toBe(43);
  });
});
