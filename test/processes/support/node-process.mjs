/**
 * One bare node in a process of its own, driven over IPC by the suites. It uses the installed package and nothing else,
 * and checks what it receives by counters inside the payloads, not by the protocol's own numbers.
 */
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

const installed = createRequire(`${process.argv[2]}/`);
const { createMesh } = await import(installed.resolve('rookery/mesh'));
const { dns, multicast, staticPeers } = await import(installed.resolve('rookery/discovery'));

/** Wall time with the precision of the monotonic clock: comparable between processes of one host. */
const wallMs = () => performance.timeOrigin + performance.now();

let mesh;
let stopLoop = () => undefined;
let openGate = () => undefined;
let slowHandled = 0;
/** What was heard of each sender: the last counter of each of its streams, and every deviation. */
const heard = new Map();
const anomalies = [];
/** Incarnations that are up or suspect, by the events about them. */
const present = new Set();

/** Events travel together, for telling of fifty members one by one costs more than linking with them. */
const TOGETHER_MS = 10;
let events = [];

/** What happened, or the answer to a command, which stands behind all that happened before. */
function send(event) {
  const message = { ...event, at: wallMs() };
  if (event.id === undefined) {
    if (events.push(message) === 1) setTimeout(flush, TOGETHER_MS).unref();
    return;
  }
  flush();
  process.send?.(message);
}

function flush() {
  if (events.length === 0) return;
  process.send?.({ events });
  events = [];
}

/** The events about a member alternate, and nothing of it is heard before `up` or after its end. */
function onMember(status, { name, incarnation }) {
  const isEnd = status === 'lost' || status === 'left';
  if ((status === 'up') === present.has(incarnation)) anomalies.push(`${status} of ${name}/${incarnation} out of turn`);
  if (status === 'up') present.add(incarnation);
  else if (isEnd) present.delete(incarnation);
}

/** A list of addresses that is given away only when the suite opens the gate, at a moment that several processes share. */
const gated = () => ({
  name: 'gated',
  pollIntervalMs: 60_000,
  discover: () => new Promise((resolve) => (openGate = resolve)),
});

function strategyOf([kind, value]) {
  if (kind === 'dns') return dns(value);
  if (kind === 'multicast') return multicast(value);
  return kind === 'gated' ? gated() : staticPeers(value);
}

function onCount({ stream, n, by }, { from, seq, replayed }) {
  if (by !== from.incarnation) anomalies.push(`${from.name}/${from.incarnation}: a message of ${by} (seq ${seq})`);
  if (by !== mesh.self.incarnation && !present.has(by)) anomalies.push(`${from.name}/${by}: heard while it is not up`);
  const key = `${from.name}/${from.incarnation}/${stream}`;
  const entry = heard.get(key) ?? { first: n, last: 0, count: 0, missed: 0, firstAt: wallMs(), replayed: 0 };
  if (n <= entry.last) anomalies.push(`${key}: ${n} after ${entry.last} (seq ${seq})`);
  if (n > entry.last + 1) entry.missed += n - entry.last - 1;
  entry.last = n;
  entry.count++;
  if (replayed) entry.replayed++;
  heard.set(key, entry);
}

const commands = {
  async start({ options, discovery }) {
    const strategies = discovery.map(strategyOf);
    const write = (level) => (message) =>
      process.env['VERBOSE'] && process.stderr.write(`${wallMs().toFixed(0)} ${options.name} ${level} ${message}\n`);
    const log = [];
    let crossed = 0;
    const logger = {
      debug: (message) => {
        if (/came to nothing: .*(in use|newer link)/.test(message)) crossed++;
        write('debug')(message);
      },
      info: write('info'),
      warn: (message) => {
        if (log.length < 1000) log.push(message);
        write('warn')(message);
      },
      error: (message) => send({ event: 'error', message }),
    };
    commands.log = () => log;
    commands.crossed = () => crossed;
    present.clear();
    mesh = createMesh({ ...options, discovery: strategies, logger });
    for (const status of ['up', 'suspect', 'lost', 'left']) {
      mesh.on(`member.${status}`, ({ member, reason }) => {
        onMember(status, member);
        send({ event: `member.${status}`, name: member.name, incarnation: member.incarnation, reason });
      });
    }
    mesh.on('gap', ({ from, reason, missed }) =>
      send({ event: 'gap', name: from.name, incarnation: from.incarnation, reason, missed }),
    );
    mesh.subscribe('count', onCount);
    mesh.subscribe('stamp', ({ at }) => {
      stampsHeard++;
      latencies.push(wallMs() - at);
    });
    commands.prepare?.(mesh);
    await mesh.start();
    const listeningAt = wallMs();
    send({ event: 'listening' });
    await mesh.ready();
    return { address: mesh.self.address, incarnation: mesh.self.incarnation, listeningAt, readyAt: wallMs() };
  },

  /** Gives away the addresses that discovery `gated` holds back, at that wall time as exactly as a process can. */
  async openGate({ at, addresses }) {
    await delay(Math.max(0, at - wallMs() - 5));
    while (wallMs() < at) await new Promise((resolve) => setImmediate(resolve));
    openGate(addresses);
  },

  members: () => mesh.members().map(({ name, status, incarnation }) => ({ name, status, incarnation })),
  freshness: () => mesh.freshness(),
  cpu: () => process.cpuUsage(),
  /** Connections that this process holds, whatever became of their handshakes. */
  connections: () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length,
  stats: () => mesh.stats(),
  heard: () => ({ heard: Object.fromEntries(heard), anomalies, stampsHeard }),
  async memory() {
    // Dead buffers are swept in the background after a collection.
    globalThis.gc?.();
    await delay(100);
    globalThis.gc?.();
    await delay(100);
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    return { rss, heapUsed, arrayBuffers };
  },
  latencies: () => latencies.splice(0),

  /** Publishes counters at a rate, `perTick` every `everyMs`, until `stop`; answers with the last number. */
  async loop({ stream, everyMs, perTick, bytes = 0, to }) {
    const filler = 'x'.repeat(bytes);
    let n = 0;
    let isRunning = true;
    const publishNext = () => {
      const payload = { stream, n: n + 1, by: mesh.self.incarnation, filler };
      if (to === undefined) mesh.publish('count', payload);
      else
        mesh.publishTo(
          mesh.members().find(({ name }) => name === to),
          'count',
          payload,
        );
      n++;
    };
    const done = (async () => {
      while (isRunning) {
        try {
          for (let i = 0; i < perTick; i++) publishNext();
        } catch (error) {
          if (error.code !== 'CLUSTER_LEFT') throw error;
          isRunning = false;
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

  /** Publishes the counters from `first` on in one turn, or paced by `writable()`. */
  async burst({ stream, first = 1, count, bytes, isPaced }) {
    const filler = 'x'.repeat(bytes);
    const by = mesh.self.incarnation;
    for (let n = first; n < first + count; n++) {
      mesh.publish('count', { stream, n, by, filler });
      if (isPaced) await mesh.writable();
    }
    return mesh.stats().overruns;
  },

  /** Publishes, and gets a SIGTERM before the turn is over. */
  lastWords({ stream, count }) {
    void commands.burst({ stream, count, bytes: 100, isPaced: false });
    process.kill(process.pid, 'SIGTERM');
  },

  /** Handles every `count` once more, for so long each. */
  handleSlowly({ eachMs }) {
    mesh.subscribe(
      'count',
      async () => {
        await delay(eachMs);
        slowHandled++;
      },
      {
        label: 'slow handler',
        onGap: ({ from, reason, missed }) =>
          send({ event: 'slow.gap', name: from.name, reason, missed, handled: slowHandled }),
      },
    );
  },
  slowHandled: () => slowHandled,

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
// A loop goes on publishing for as long as it is let: what was accepted must arrive, also during the goodbye.
process.on('SIGTERM', () => {
  void (mesh?.leave() ?? Promise.resolve())
    .then(() => stopLoop())
    .then((last) => {
      flush();
      process.send({ event: 'goodbye', last, at: wallMs() }, () => process.exit(0));
    });
});
process.on('disconnect', () => process.exit(0));
send({ event: 'spawned' });
flush();

/** For programs that add commands of their own. */
export { commands, createMesh, mesh, staticPeers, wallMs };
