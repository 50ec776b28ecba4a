/** What the code of users does in the middle of a call: it may harm that call, and no other one, no link and no process. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventEmitter, on } from 'node:events';
import type { MeshNode } from 'rookery/mesh';
import { closeAll, pair, until } from './support.js';

afterEach(() => closeAll());

const serves = (node: MeshNode, pattern: string, count = 1): Promise<void> =>
  until(() => node.rpc.serving('call', pattern).length === count, `'${pattern}', served by ${count}`);

describe('a getter of what is sent', () => {
  it('may cancel another call, or begin one, which is refused, and harms no frame', async () => {
    const [a, b] = await pair();
    let begun = 0;
    b.respond('hang', (_data, { signal }) => {
      begun++;
      return new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    b.respond('echo', (data) => data);
    await serves(a, 'echo');
    const controller = new AbortController();
    const cancelled = a.request('hang', null, { signal: controller.signal });
    const outcome = expect(cancelled).rejects.toThrow('not needed');
    await until(() => begun === 1, 'the call');
    const refused: unknown[] = [];
    const data = {
      before: 1,
      get middle() {
        controller.abort(new Error('not needed'));
        a.request('hang', 'x'.repeat(100_000), { timeoutMs: 60_000 }).catch((error: unknown) => refused.push(error));
        return 'middle';
      },
      after: [2],
    };
    expect(await a.request('echo', data)).toEqual({ before: 1, middle: 'middle', after: [2] });
    await outcome;
    expect(refused).toMatchObject([{ code: 'CLUSTER_INVALID_PAYLOAD' }]);
    expect(begun).toBe(1);
  });
});

describe('a getter of what is sent that aborts its own call', () => {
  it.each(['request', 'requestStream'] as const)('ends it: %s', async (way) => {
    const [a, b] = await pair();
    b.respond('hang', (_data, { signal }) => new Promise((resolve) => signal.addEventListener('abort', resolve)));
    await serves(a, 'hang');
    const controller = new AbortController();
    const data = {
      get field() {
        controller.abort(new Error('not needed'));
        return 1;
      },
    };
    const options = { signal: controller.signal };
    const first =
      way === 'request'
        ? a.request('hang', data, options)
        : a.requestStream('hang', data, options)[Symbol.asyncIterator]().next();
    await expect(first).rejects.toThrow('not needed');
  });
});

describe('metadata', () => {
  it.each([
    ['text', new URL('http://example.com/')],
    ['a Map', new Map([['trace', 'abc']])],
  ])('that would travel as %s is refused before anything is sent', async (_what, given) => {
    const [a, b] = await pair();
    const metadata = given as unknown as Record<string, unknown>;
    for (const node of [a, b]) node.respond(node.self.name, () => 'here');
    await serves(a, 'b');
    for (const pattern of ['a', 'b']) {
      const refused = expect.objectContaining({ code: 'CLUSTER_INVALID_PAYLOAD' });
      await expect(a.request(pattern, null, { metadata })).rejects.toEqual(refused);
      expect(await a.request(pattern, null, { metadata: {} })).toBe('here');
    }
  });
});

describe('what a handler throws', () => {
  it.each([
    ['an error with half a character', new Error('cut \ud83d')],
    ['text with half a character', 'cut \ud83d'],
    ['an error larger than a frame', new Error('x'.repeat(2_000_000))],
    ['text larger than a frame', 'x'.repeat(2_000_000)],
  ])('is told as far as it can travel: %s', async (_what, thrown) => {
    const [a, b] = await pair();
    const fail = (): never => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what handlers throw need be no error
      throw thrown;
    };
    b.respond('at once', fail);
    b.respond('later', async () => {
      await Promise.resolve();
      fail();
    });
    b.respond('stream', async function* () {
      yield await Promise.resolve(1);
      fail();
    });
    await serves(a, 'stream');
    for (const pattern of ['at once', 'later', 'stream']) {
      const expected = { code: 'FAILED', message: expect.stringMatching(/failed: (cut \ufffd|x{100,5000})$/) };
      await expect(a.request(pattern, null)).rejects.toMatchObject(expected);
    }
  });
});

describe('a stream of a source', () => {
  it('that waits for something tells it at once that its reader went away', async () => {
    const [a, b] = await pair();
    const source = new EventEmitter();
    b.respond('events', () => on(source, 'event') as AsyncIterable<unknown>);
    await serves(a, 'events');
    const stream = a.requestStream('events', null)[Symbol.asyncIterator]();
    const first = stream.next();
    await until(() => source.listenerCount('event') === 1, 'a listener');
    source.emit('event', 1);
    expect(await first).toEqual({ done: false, value: [1] });
    await stream.return!();
    await until(() => source.listenerCount('event') === 0, 'no listener');
  });

  it.each([
    ['that cannot begin', { value: fail }],
    ['that has no iterator', { value: () => 7 }],
    ['whose iterator cannot go on', { value: () => ({ next: fail }) }],
  ])('%s fails that call', async (_what, property) => {
    const [a, b] = await pair();
    const source = Object.defineProperty({}, Symbol.asyncIterator, property);
    b.respond('source', () => Promise.resolve(source));
    await serves(a, 'source');
    await expect(a.request('source', null)).rejects.toMatchObject({ code: 'FAILED' });
  });

  it('that cannot be looked at is a value like any other', async () => {
    const [a, b] = await pair();
    const value = Object.defineProperty({ x: 1 }, Symbol.asyncIterator, { get: fail });
    b.respond('value', () => Promise.resolve(value));
    await serves(a, 'value');
    expect(await a.request('value', null)).toEqual({ x: 1 });
  });
});

function fail(): never {
  throw new Error('of no use');
}
