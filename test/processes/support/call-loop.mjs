/** Calls at a rate, and what became of them. */
import { setTimeout as delay } from 'node:timers/promises';

/** Wall time with the precision of the monotonic clock: comparable between processes of one host. */
export const wallMs = () => performance.timeOrigin + performance.now();

/**
 * The commands `callLoop` and `stopCalls` of a process that asks.
 *
 * @param {(argument: { n: number, ms: number, options?: object }) => Promise<{ n: number, by: string }>} ask
 */
export function callLoop(ask) {
  let stop = () => undefined;

  async function run({ perSecond, ms, options }, isRunning, result) {
    const open = new Set();
    const one = async (n) => {
      const askedAt = wallMs();
      try {
        const value = await ask({ n, ms, options });
        if (value.n !== n) result.wrong++;
        else {
          result.ok++;
          result.by[value.by] = (result.by[value.by] ?? 0) + 1;
        }
      } catch (error) {
        const code = error.code ?? JSON.stringify(error);
        result.codes[code] = (result.codes[code] ?? 0) + 1;
        if (code === 'NO_PEER') result.refused.push(n);
      }
      result.longestMs = Math.max(result.longestMs, wallMs() - askedAt);
    };
    const startedAt = wallMs();
    while (isRunning()) {
      // By the clock: a timer is late now and then, and the rate must not fall for it.
      while (result.asked < ((wallMs() - startedAt) * perSecond) / 1_000) {
        const call = one(++result.asked).finally(() => open.delete(call));
        open.add(call);
      }
      await delay(2);
    }
    await Promise.all(open);
  }

  return {
    callLoop(argument) {
      const result = { asked: 0, ok: 0, wrong: 0, codes: {}, by: {}, longestMs: 0, refused: [] };
      let isRunning = true;
      const done = run(argument, () => isRunning, result);
      stop = async () => {
        isRunning = false;
        await done;
        return result;
      };
    },
    stopCalls: () => stop(),
  };
}
