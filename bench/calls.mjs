/** The scenarios of calls: one by one, many at once, and on a link that is quiet. Rows as in `scenarios.mjs`. */
import { setTimeout as delay } from 'node:timers/promises';
import { CONTESTANTS } from './check.mjs';
import { clusterOf, nestPair, pin, ROUNDS, scaled, socketPair, startNats } from './setup.mjs';
import { interleave, median, percentile, Role, stopAll } from './support.mjs';

/** As many calls as a busy server has open to another one. */
const IN_FLIGHT = 64;

/** Pairs of one who asks and one who answers. Without a NATS server on this machine those that need it are left out. */
async function callers(names) {
  const nats = names.some((name) => name.startsWith('nats')) ? await startNats() : undefined;
  const starters = {
    'rookery, request': () => clusterPair('rookery'),
    'rookery, ClusterClient': () => clusterPair('nest-cluster'),
    socket: () => socketPair(),
    'socket, gathered': () => socketPair({ isGathered: true }),
    'socket, TLS': () => socketPair({ isEncrypted: true }),
    'nest-tcp': () => nestPair('TCP'),
    'nats, Nest': nats && (() => nestPair('NATS', nats)),
    nats: nats && (() => natsPair(nats)),
  };
  const present = names.filter((name) => starters[name] !== undefined);
  const pairs = new Map(await Promise.all(present.map(async (name) => [name, await starters[name]()])));
  pin(pairs);
  return pairs;
}

/** The second node answers, and only that one: a node that answers may ask itself. */
async function clusterPair(role) {
  const [sender, receiver] = await clusterOf(2, role, (i) => ({ isAnswering: i > 0 }));
  return { sender, receiver };
}

async function natsPair(port) {
  const receiver = await Role.start('nats', { port, isServer: true });
  return { sender: await Role.start('nats', { port }), receiver };
}

/** Measures all of them in turns, and before that once without counting. */
async function measureAll(pairs, measure) {
  await interleave([...pairs.keys()], 1, measure);
  return interleave([...pairs.keys()], ROUNDS, measure);
}

/** A call and its answer, the next one when that is there. */
export async function callLatency() {
  const pairs = await callers(CONTESTANTS.callLatency);
  const results = await measureAll(
    pairs,
    async (name) => (await pairs.get(name).sender.ask({ type: 'callsOneByOne', count: scaled(2_000) })).times,
  );
  await stopAll();
  const at = (share, name) => median(results.get(name).map((times) => percentile(times, share)));
  return [...pairs.keys()].map((name) => ({
    scenario: 'call and answer, small',
    contestant: name,
    'p50 ms': at(0.5, name).toFixed(3),
    'p99 ms': at(0.99, name).toFixed(3),
    'p50 / socket': (at(0.5, name) / at(0.5, 'socket')).toFixed(2),
    'p50 / socket, TLS': (at(0.5, name) / at(0.5, 'socket, TLS')).toFixed(2),
  }));
}

/** Sixty-four calls in flight all the time. */
export async function callThroughput() {
  const pairs = await callers(CONTESTANTS.callThroughput);
  const count = scaled(100_000);
  const results = await measureAll(pairs, async (name) => {
    const { ms } = await pairs.get(name).sender.ask({ type: 'callsInFlight', count, width: IN_FLIGHT });
    return (count / ms) * 1000;
  });
  await stopAll();
  const rate = (name) => median(results.get(name));
  const references = ['socket', 'socket, gathered', 'nest-tcp', 'nats, Nest'].filter((name) => pairs.has(name));
  return [...pairs.keys()].map((name) => ({
    scenario: `calls, ${IN_FLIGHT} in flight`,
    contestant: name,
    'calls/s': Math.round(rate(name)),
    ...Object.fromEntries(references.map((other) => [`/ ${other}`, (rate(name) / rate(other)).toFixed(2)])),
  }));
}

/** An event and a call every few milliseconds, on a link that carries nothing else: what waits for what there. */
export async function callQuiet() {
  const pairs = await callers(CONTESTANTS.callQuiet);
  const count = scaled(1_000);
  const emitted = new Map();
  // As in a service that has run for a while: at this pace it takes minutes until the code is compiled, which is not what is asked here.
  for (const { sender } of pairs.values())
    await sender.ask({ type: 'callsInFlight', count: scaled(20_000), width: 16 });
  const results = await measureAll(pairs, async (name) => {
    const { sender, receiver } = pairs.get(name);
    const { times } = await sender.ask({ type: 'callsBesideEvents', count, everyMs: 4 });
    emitted.set(name, (emitted.get(name) ?? 0) + count);
    await until(async () => (await receiver.ask({ type: 'ticks' })).count === emitted.get(name));
    return times;
  });
  await stopAll();
  const of = (name, figure) => median(results.get(name).map(figure));
  return [...pairs.keys()].map((name) => ({
    scenario: 'a call and an event every 4 ms',
    contestant: name,
    'p50 ms': of(name, (times) => percentile(times, 0.5)).toFixed(3),
    'p99 ms': of(name, (times) => percentile(times, 0.99)).toFixed(3),
    'over 35 ms, %': of(name, (times) => (100 * times.filter((ms) => ms > 35).length) / times.length).toFixed(1),
  }));
}

/** Calls and events are not ordered among each other: the last event may come after the last answer. */
async function until(isSo, patienceMs = 10_000) {
  for (const started = performance.now(); !(await isSo()); await delay(5)) {
    if (performance.now() - started > patienceMs) throw new Error('an event did not arrive, or arrived twice');
  }
}
