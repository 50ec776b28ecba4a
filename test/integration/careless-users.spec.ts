/** What the code of users does in the middle of a call: it may harm that call, and no other one, no link and no process. */
import { afterEach, describe, expect, it } from '@jest/globals';
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
