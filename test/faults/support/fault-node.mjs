/** A node for suites about faults: what `node-process.mjs` does, and what can be wrong with the process itself. */
import { createHook } from 'node:async_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { commands, createMesh, mesh, staticPeers, wallMs } from '../../processes/support/node-process.mjs';

/** A process that did nothing for so long was held up: by a signal, by its own code, or by the machine. */
const STALL_MS = 1_500;
const LOOK_EVERY_MS = 20;

let stepMs = 0;
const readWallClock = Date.now;
Date.now = () => readWallClock() + stepMs;

/** Other meshes of this process; see `crowd`. */
const crowd = [];
const timers = new Set();
const stalls = [];
let aliveAt = performance.now();
let lags;

/** Called wherever this process's own code runs: the first call after a stall tells what a user would read there. */
function noteAlive(where) {
  const now = performance.now();
  const lastedMs = now - aliveAt;
  aliveAt = now;
  if (lastedMs > STALL_MS) stalls.push({ where, lastedMs, at: wallMs(), ...mesh.freshness() });
}

Object.assign(commands, {
  /** Does nothing else for `ms`: what a synchronous loop does to a node. */
  stall({ ms }) {
    for (const end = performance.now() + ms; performance.now() < end;);
  },

  /** Sets the wall clock of this process forward or back; the monotonic one has no such thing. */
  stepWallClock: ({ ms }) => void (stepMs += ms),

  /** From here on the first read of freshness after each stall is kept, wherever this process gets to work first. */
  watchStalls() {
    aliveAt = performance.now();
    mesh.subscribe('count', () => noteAlive('a handler'));
    for (const status of ['suspect', 'lost', 'left', 'up']) mesh.on(`member.${status}`, () => noteAlive(status));
    mesh.on('gap', () => noteAlive('a gap handler'));
    setInterval(() => noteAlive('a timer'), LOOK_EVERY_MS);
    process.prependListener('message', () => noteAlive('a message of another process'));
  },
  stalls: () => stalls,

  /**
   * From here on compares what `freshness()` says with how old the newest message is, while another node publishes all the
   * time: in each handler, and now and then.
   */
  watchLag({ limitMs }) {
    let newestAt = readWallClock();
    lags = { maxMs: 0, staleFor: 0, lies: 0, worstLieMs: 0, reads: 0 };
    const look = () => {
      const lagMs = readWallClock() - newestAt;
      const { fresh } = mesh.freshness();
      lags.reads++;
      lags.maxMs = Math.max(lags.maxMs, lagMs);
      if (!fresh || lagMs <= limitMs) return fresh;
      lags.lies++;
      lags.worstLieMs = Math.max(lags.worstLieMs, lagMs);
      return fresh;
    };
    mesh.subscribe('count', (_payload, { publishedAt, local }) => {
      if (!local) newestAt = Math.max(newestAt, publishedAt);
      look();
    });
    const watch = setInterval(() => {
      if (!look()) lags.staleFor += LOOK_EVERY_MS;
    }, LOOK_EVERY_MS);
    commands.lags = () => {
      clearInterval(watch);
      return lags;
    };
  },

  /** From here on timers are counted. */
  watchTimers() {
    createHook({
      init: (id, type) => void (type === 'Timeout' && timers.add(id)),
      destroy: (id) => void timers.delete(id),
    }).enable();
  },

  /** What this process holds open: its sockets by kind, and its timers since `watchTimers`. */
  async resources() {
    // What was closed in this turn is gone in the next.
    await delay(50);
    const sockets = {};
    for (const kind of process.getActiveResourcesInfo()) {
      if (kind.startsWith('TCP')) sockets[kind] = (sockets[kind] ?? 0) + 1;
    }
    return { sockets, timers: timers.size };
  },

  /** As `stamps`, for one other member only. */
  async stampsTo({ to, count, everyMs }) {
    const { incarnation } = mesh.members().find(({ name }) => name === to);
    for (let i = 0; i < count; i++) {
      mesh.publishTo(incarnation, 'stamp', { at: wallMs() });
      await delay(everyMs);
    }
  },

  /** Publishes as fast as `writable()` lets it, for `ms`, and takes the time of every `publish`. */
  async flood({ stream, ms, bytes }) {
    const filler = 'x'.repeat(bytes);
    const by = mesh.self.incarnation;
    const took = new Float64Array(20_000_000);
    let n = 0;
    const startedAt = performance.now();
    for (let now = startedAt; now - startedAt < ms && n < took.length;) {
      mesh.publish('count', { stream, n: n + 1, filler, by });
      const end = performance.now();
      took[n++] = end - now;
      await mesh.writable();
      now = performance.now();
    }
    const tookMs = performance.now() - startedAt;
    const sorted = took.subarray(0, n).sort();
    const at = (share) => sorted[Math.min(n - 1, Math.floor(n * share))];
    return { last: n, tookMs, p50: at(0.5), p99: at(0.99), p9999: at(0.9999), max: sorted[n - 1] };
  },

  /** Opens many more nodes in this process: cheap company, which nobody asks anything. */
  async crowd({ options, peers, ports }) {
    const silent = () => undefined;
    const logger = { debug: silent, info: silent, warn: silent, error: silent };
    for (const port of ports) {
      const listen = { ...options.listen, port };
      crowd.push(createMesh({ ...options, name: `crowd-${port}`, listen, discovery: [staticPeers(peers)], logger }));
    }
    await Promise.all(crowd.map((other) => other.ready()));
  },
});
