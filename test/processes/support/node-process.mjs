/**
 * One bare node in a process of its own, driven over IPC by the suites. It uses the installed package and nothing else,
 * and checks what it receives by counters inside the payloads, not by the protocol's own numbers.
 */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

const installed = createRequire(`${process.argv[2]}/`);
const { createMesh } = await import(installed.resolve('rookery/mesh'));
const { dns, staticPeers } = await import(installed.resolve('rookery/discovery'));

/** Wall time with the precision of the monotonic clock: comparable between processes of one host. */
const wallMs = () => performance.timeOrigin + performance.now();

let mesh;
let stopLoop = () => undefined;
/** What was heard of each sender: the last counter of each of its streams, and every deviation. */
const heard = new Map();
const anomalies = [];

function send(event) {
  process.send?.({ ...event, at: wallMs() });
}

function onCount({ stream, n }, { from, seq, replayed }) {
  const key = `${from.name}/${from.incarnation}/${stream}`;
  const entry = heard.get(key) ?? { last: 0, count: 0, missed: 0, firstAt: wallMs(), replayed: 0 };
  if (n <= entry.last) anomalies.push(`${key}: ${n} after ${entry.last} (seq ${seq})`);
  if (n > entry.last + 1) entry.missed += n - entry.last - 1;
  entry.last = n;
  entry.count++;
  if (replayed) entry.replayed++;
  heard.set(key, entry);
}

const commands = {
  async start({ options, discovery }) {
    const strategies = discovery.map(([kind, value]) => (kind === 'dns' ? dns(value) : staticPeers(value)));
    const write = (level) => (message) =>
      process.env['VERBOSE'] && process.stderr.write(`${wallMs().toFixed(0)} ${options.name} ${level} ${message}\n`);
    const log = [];
    const logger = {
      debug: write('debug'),
      info: write('info'),
      warn: (message) => {
        if (log.length < 1000) log.push(message);
        write('warn')(message);
      },
      error: (message) => send({ event: 'error', message }),
    };
    commands.log = () => log;
    mesh = createMesh({ ...options, discovery: strategies, logger });
    for (const status of ['up', 'suspect', 'lost', 'left']) {
      mesh.on(`member.${status}`, ({ member, reason }) =>
        send({ event: `member.${status}`, name: member.name, incarnation: member.incarnation, reason }),
      );
    }
    mesh.on('gap', ({ from, reason, missed }) => send({ event: 'gap', name: from.name, reason, missed }));
    mesh.subscribe('count', onCount);
    mesh.subscribe('stamp', ({ at }) => {
      stampsHeard++;
      latencies.push(wallMs() - at);
    });
    await mesh.start();
    const listeningAt = wallMs();
    await mesh.ready();
    return { address: mesh.self.address, incarnation: mesh.self.incarnation, listeningAt, readyAt: wallMs() };
  },

  members: () => mesh.members().map(({ name, status, incarnation }) => ({ name, status, incarnation })),
  freshness: () => mesh.freshness(),
  stats: () => mesh.stats(),
  heard: () => ({ heard: Object.fromEntries(heard), anomalies, stampsHeard }),
  async memory() {
    // Dead buffers are swept in the background after a collection.
    globalThis.gc?.();
    await delay(100);
    globalThis.gc?.();
    await delay(100);
    const { rss, arrayBuffers } = process.memoryUsage();
    return { rss, arrayBuffers };
  },
  latencies: () => latencies.splice(0),

  /** Publishes counters at a rate, `perTick` every `everyMs`, until `stop`; answers with the last number. */
  async loop({ stream, everyMs, perTick, bytes = 0, to }) {
    const filler = 'x'.repeat(bytes);
    let n = 0;
    let isRunning = true;
    const done = (async () => {
      while (isRunning) {
        for (let i = 0; i < perTick; i++) {
          const payload = { stream, n: ++n, filler };
          if (to === undefined) mesh.publish('count', payload);
          else
            mesh.publishTo(
              mesh.members().find(({ name }) => name === to),
              'count',
              payload,
            );
        }
        await delay(everyMs);
      }
    })();
    stopLoop = async () => {
      isRunning = false;
      await done;
      return n;
    };
  },
  stop: () => stopLoop(),

  /** Publishes a burst in one turn, or paced by `writable()`. */
  async burst({ stream, count, bytes, isPaced }) {
    const filler = 'x'.repeat(bytes);
    for (let n = 1; n <= count; n++) {
      mesh.publish('count', { stream, n, filler });
      if (isPaced) await mesh.writable();
    }
    return mesh.stats().overruns;
  },

  /** Publishes time stamps, one every `everyMs`. */
  async stamps({ count, everyMs }) {
    for (let i = 0; i < count; i++) {
      mesh.publish('stamp', { at: wallMs() });
      await delay(everyMs);
    }
  },
  confirmed: ({ topic, payload, timeoutMs }) => mesh.publishConfirmed(topic, payload, { timeoutMs }),
  leave: () => mesh.leave(),
};
const latencies = [];
let stampsHeard = 0;

process.on('message', ({ id, command, argument }) => {
  Promise.resolve()
    .then(() => commands[command](argument))
    .then(
      (result) => send({ id, result }),
      (error) => send({ id, error: `${error.code ?? ''} ${error.stack}` }),
    );
});
process.on('SIGTERM', () => {
  void (mesh?.leave() ?? Promise.resolve()).then(() => process.exit(0));
});
process.on('disconnect', () => process.exit(0));
send({ event: 'spawned' });

/** For programs that add commands of their own. */
export { commands, createMesh, mesh, staticPeers, wallMs };
