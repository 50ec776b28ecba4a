/** Calls as all roles make them: one by one, many in flight, and now and then beside an event. Every answer is looked at. */
import { SMALL } from './support.mjs';

let questions = 0;

/** Never the same twice: an answer that belongs to another question is found out. */
const question = () => ({ ...SMALL, version: ++questions });

function compare(answer, { key, version, enabled, at, tags }) {
  const isRight =
    answer?.version === version &&
    answer.key === key &&
    answer.enabled === enabled &&
    answer.at === at &&
    answer.tags?.length === tags.length &&
    answer.tags.every((tag, i) => tag === tags[i]);
  if (!isRight) throw new Error(`question ${version} was answered with ${JSON.stringify(answer)}`);
}

/**
 * The commands of a role that calls, and of the one that answers.
 *
 * @param {object} role
 * @param {(value: unknown) => Promise<unknown>} role.call asks the other side, which answers with the same value
 * @param {(value: unknown) => unknown} [role.emit] sends an event to the other side
 * @param {() => number} [role.ticks] how many of these events have arrived here
 */
export function callCommands({ call, emit, ticks }) {
  return {
    async callsOneByOne({ count }) {
      const times = [];
      for (let i = 0; i < count; i++) {
        const asked = question();
        const started = performance.now();
        const answer = await call(asked);
        times.push(performance.now() - started);
        compare(answer, asked);
      }
      process.send({ type: 'callsOneByOne', times });
    },
    async callsInFlight({ count, width }) {
      let left = count;
      const keepAsking = async () => {
        while (left-- > 0) {
          const asked = question();
          compare(await call(asked), asked);
        }
      };
      const started = performance.now();
      await Promise.all(Array.from({ length: width }, keepAsking));
      process.send({ type: 'callsInFlight', ms: performance.now() - started });
    },
    // The next one is not kept waiting by an answer that is late, or a stall would hide those behind it.
    async callsBesideEvents({ count, everyMs }) {
      const times = [];
      await new Promise((resolve, reject) => {
        let asked = 0;
        const ask = async () => {
          emit(question());
          const value = question();
          const started = performance.now();
          compare(await call(value), value);
          times.push(performance.now() - started);
          if (times.length === count) resolve();
        };
        const timer = setInterval(() => {
          if (++asked === count) clearInterval(timer);
          ask().catch(reject);
        }, everyMs);
      });
      process.send({ type: 'callsBesideEvents', times });
    },
    ticks: () => process.send({ type: 'ticks', count: ticks() }),
  };
}
