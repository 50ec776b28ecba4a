/** A node that answers calls, and makes them: what a suite wants to know of either side comes back over IPC. */
import { setTimeout as delay } from 'node:timers/promises';
import { callLoop } from './call-loop.mjs';
import { commands, mesh, wallMs } from './node-process.mjs';

let begun = 0;
/** How often each numbered piece of work was begun. */
const runs = new Map();
let made = 0;
let endedAt = 0;

/** What a call came to: its answer, or its code, and when. */
async function outcome(promise) {
  const askedAt = wallMs();
  try {
    return { value: await promise, askedAt, at: wallMs() };
  } catch (error) {
    return { code: error.code ?? String(error), message: error.message, askedAt, at: wallMs() };
  }
}

/** Registered before the node starts, so that it is known with its first frame. */
commands.prepare = (node) => {
  const { name } = node.self;
  if (!name.startsWith('server')) return;
  node.respond('work', async ({ n, ms }) => {
    begun++;
    runs.set(n, (runs.get(n) ?? 0) + 1);
    if (ms > 0) await delay(ms);
    return { n, by: name };
  });
  node.respond('hang', (_data, { signal }) => {
    begun++;
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve((endedAt = wallMs()))));
  });
  node.respond('flood', async function* ({ count, bytes }) {
    const text = 'x'.repeat(bytes);
    try {
      for (made = 0; made < count; made++) yield { n: made + 1, text };
    } finally {
      endedAt = wallMs();
    }
  });
};

Object.assign(commands, {
  call: ({ pattern, data, options }) => outcome(mesh.request(pattern, data, options)),

  /** So many at once; answers when all are over. */
  calls: ({ pattern, count, data, options }) =>
    Promise.all(Array.from({ length: count }, (_, n) => outcome(mesh.request(pattern, { ...data, n }, options)))),

  ...callLoop(({ n, ms, options }) => mesh.request('work', { n, ms }, options)),
  runs: () => [...runs],
  madeCalls: () => ({ begun, made, endedAt }),

  /** Reads `count` values of a stream, one every `everyMs`, then goes; tells when. */
  async readStream({ pattern, data, count, everyMs }) {
    let read = 0;
    for await (const { n } of mesh.requestStream(pattern, data)) {
      if (n !== ++read) return { error: `${n} after ${read - 1}` };
      if (read === count) break;
      if (everyMs > 0) await delay(everyMs);
    }
    return { read, leftAt: wallMs() };
  },
});
