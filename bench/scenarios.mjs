/** The scenarios: each returns rows of `{ scenario, contestant, figures..., ratios... }`. Nothing here asserts; `check.mjs` does. */
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { clusterOf, nestPair, pin, ROUNDS, scaled, SCALE, socketPair, startRedis } from './setup.mjs';
import { interleave, median, percentile, programOf, Role, stopAll } from './support.mjs';

/** Who takes part: pairs of a sender and a receiver. */
async function contestants() {
  const pairs = new Map();
  const [sender, receiver] = await clusterOf(2);
  pairs.set('rookery', { sender, receiver });
  const port = await startRedis();
  if (port !== undefined) {
    pairs.set('redis', { sender: await Role.start('redis', { port }), receiver: await Role.start('redis', { port }) });
  }
  pairs.set('nest-tcp', await nestPair('TCP'));
  return pairs;
}

/** There and back again, through `publish` and a handler at both ends. */
export async function latency() {
  const pairs = await contestants();
  for (const name of ['rookery', 'redis']) await pairs.get(name)?.receiver.ask({ type: 'echo' });
  pairs.set('socket', await socketPair());
  pairs.set('socket, TLS', await socketPair({ isEncrypted: true }));
  pin(pairs);

  const rows = [];
  for (const payload of ['small', '1 KiB']) {
    const measure = async (name) =>
      (await pairs.get(name).sender.ask({ type: 'roundTrips', count: scaled(2_000), payload }, 'roundTrips')).times;
    await interleave([...pairs.keys()], 1, measure); // Warm-up, not counted.
    const results = await interleave([...pairs.keys()], ROUNDS, measure);
    const p50 = (name) => median(results.get(name).map((times) => percentile(times, 0.5)));
    const p99 = (name) => median(results.get(name).map((times) => percentile(times, 0.99)));
    for (const name of pairs.keys()) {
      rows.push({
        scenario: `round trip, ${payload}`,
        contestant: name,
        'p50 ms': p50(name).toFixed(3),
        'p99 ms': p99(name).toFixed(3),
        'p50 / socket': (p50(name) / p50('socket')).toFixed(2),
        'p50 / socket, TLS': (p50(name) / p50('socket, TLS')).toFixed(2),
      });
    }
  }
  await stopAll();
  return rows;
}

export async function throughput() {
  const pairs = await contestants();
  const counts = { rookery: scaled(1_000_000), redis: scaled(100_000), 'nest-tcp': scaled(60_000) };
  const rows = [];
  for (const payload of ['small', '1 KiB']) {
    const gaps = new Map();
    let isFirst = true;
    const measure = async (name) => {
      const { sender, receiver } = pairs.get(name);
      const count = Math.round(counts[name] / (payload === 'small' ? 1 : 4));
      await receiver.ask({ type: isFirst && payload === 'small' ? 'expect' : 'again', count });
      const received = receiver.next('received');
      const [{ ms, gaps: seen }] = await Promise.all([received, sender.ask({ type: 'burst', count, payload })]);
      gaps.set(name, seen);
      return (count / ms) * 1000;
    };
    await interleave([...pairs.keys()], 1, measure);
    isFirst = false;
    const results = await interleave([...pairs.keys()], ROUNDS, measure);
    const rate = (name) => median(results.get(name));
    for (const name of pairs.keys()) {
      rows.push({
        scenario: `one to one, ${payload}`,
        contestant: name,
        'messages/s': Math.round(rate(name)),
        'rookery is': `${(rate('rookery') / rate(name)).toFixed(1)} x`,
        gaps: gaps.get(name),
      });
    }
  }
  await stopAll();
  return rows;
}

export async function fanOut() {
  const rows = [];
  for (const size of [3, 10]) {
    const nodes = await clusterOf(size);
    const [publisher, ...subscribers] = nodes;
    const count = scaled(200_000);
    const rates = [];
    let gaps = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      await Promise.all(subscribers.map((node) => node.ask({ type: round === 0 ? 'expect' : 'again', count })));
      const received = Promise.all(subscribers.map((node) => node.next('received')));
      const burst = publisher.ask({ type: 'burst', count, payload: 'small' });
      const [results, { startedWallMs }] = await Promise.all([received, burst]);
      const last = Math.max(...results.map(({ wallMs }) => wallMs));
      gaps = Math.max(...results.map((result) => result.gaps));
      // The first round warms up.
      if (round > 0) rates.push(((count * subscribers.length) / (last - startedWallMs)) * 1000);
    }
    await Promise.all(subscribers.map((node) => node.ask({ type: 'stamps' })));
    const lasts = [];
    for (let i = 0; i < scaled(500); i++) {
      publisher.send({ type: 'stamp' });
      const stamps = await Promise.all(subscribers.map((node) => node.next('stamp')));
      lasts.push(Math.max(...stamps.map(({ ms }) => ms)));
      await delay(2);
    }
    rows.push({
      scenario: `fan-out, ${size} nodes`,
      contestant: 'rookery',
      'deliveries/s': Math.round(median(rates)),
      'last node p50 ms': percentile(lasts, 0.5).toFixed(3),
      'last node p99 ms': percentile(lasts, 0.99).toFixed(3),
      gaps,
    });
    await stopAll();
  }
  return rows;
}

/** Bytes that all sockets of a port sent, at the IP level: payload, and 52 bytes of headers a segment. */
function ipBytesSent(pids) {
  const lines = execFileSync('ss', ['-Htinp'], { encoding: 'utf8', maxBuffer: 1 << 26 }).split('\n');
  let bytes = 0;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    if (!pids.some((pid) => lines[i].includes(`pid=${pid},`))) continue;
    const sent = /bytes_sent:(\d+)/.exec(lines[i + 1])?.[1] ?? 0;
    const segments = /segs_out:(\d+)/.exec(lines[i + 1])?.[1] ?? 0;
    bytes += Number(sent) + 52 * Number(segments);
  }
  return bytes;
}

export async function footprint() {
  // The young generation at its largest from the beginning: it grows by leaps of megabytes, and who leapt is chance.
  const options = { execArgv: ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'] };
  const size = 10;
  const plain = await Promise.all(
    Array.from({ length: size }, () => Role.start('nest-app', { isClustered: false }, options)),
  );
  const plainRss = (await Promise.all(plain.map((app) => app.ask({ type: 'memory' })))).map(({ rss }) => rss);
  const plainIdle = await idleCpu(plain);
  await stopAll();

  const apps = await clusterOf(size, 'nest-app', () => ({ isClustered: true }), options);
  const rss = (await Promise.all(apps.map((app) => app.ask({ type: 'memory' })))).map((answer) => answer.rss);
  // Long enough for the intervals of heartbeats to even out.
  const seconds = Math.max(10, Math.round(30 * SCALE));
  const pids = apps.map(({ pid }) => pid);
  const before = programOf('ss') !== undefined ? ipBytesSent(pids) : undefined;
  const started = performance.now();
  const idle = await idleCpu(apps, seconds);
  const elapsed = (performance.now() - started) / 1000;
  const sent = before === undefined ? undefined : (ipBytesSent(pids) - before) / size / elapsed;
  await stopAll();
  return [
    {
      scenario: 'footprint, 10 Nest apps',
      contestant: 'rookery',
      'RSS added MB': ((median(rss) - median(plainRss)) / 2 ** 20).toFixed(2),
      'idle B/s sent, IP level': sent === undefined ? 'needs ss' : sent.toFixed(0),
      'idle CPU %': (idle * 100).toFixed(2),
      'idle CPU % without': (plainIdle * 100).toFixed(2),
    },
  ];
}

async function idleCpu(apps, seconds = 5) {
  const total = async () =>
    (await Promise.all(apps.map((app) => app.ask({ type: 'cpu' })))).map(({ usage }) => usage.user + usage.system);
  const before = await total();
  const started = performance.now();
  await delay(seconds * 1000);
  const after = await total();
  const elapsedUs = (performance.now() - started) * 1000;
  return median(after.map((value, i) => value - before[i])) / elapsedUs;
}
