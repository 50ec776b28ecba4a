import { expect, it } from '@jest/globals';
import { untilAborted } from './until-aborted.js';

const never = new Promise<never>(() => undefined);

it('gives what the work gives, and fails as it fails', async () => {
  const { signal } = new AbortController();
  await expect(untilAborted(Promise.resolve(7), signal)).resolves.toBe(7);
  await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

it('rejects with the reason of a signal that is aborted, before or meanwhile', async () => {
  const reason = new Error('the poll is over');
  await expect(untilAborted(never, AbortSignal.abort(reason))).rejects.toBe(reason);
  const abort = new AbortController();
  const waiting = untilAborted(never, abort.signal);
  abort.abort(reason);
  await expect(waiting).rejects.toBe(reason);
});
