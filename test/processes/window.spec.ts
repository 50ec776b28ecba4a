/** The window: what a stopped, slow or outrun peer gets, and that nobody else notices. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, NodeProcess, seed } from './support/node-process.js';

afterEach(() => NodeProcess.endAll());

const STOP_SECONDS = Number(process.env['STOP_SECONDS'] ?? 8);

async function nodes(names: readonly string[], limits = {}): Promise<NodeProcess[]> {
  const port = await freePort();
  const started: NodeProcess[] = [];
  for (const name of names) {
    const listen = { host: '127.0.0.1', port: started.length === 0 ? port : 0 };
    started.push(await NodeProcess.start(name, seed(port), { listen, limits }));
  }
  for (const node of started) {
    await node.until(async () => (await node.ask<unknown[]>('members')).length === names.length - 1, 'all members');
  }
  return started;
}

describe('a burst in one turn', () => {
  it('beyond the window is one overrun, one gap with the right count, and then the newest half window', async () => {
    const [publisher, peer] = (await nodes(['publisher', 'peer'])) as [NodeProcess, NodeProcess];
    const count = 16_384;
    const overruns = await publisher.ask<number>('burst', { stream: 'burst', count, bytes: 1024, isPaced: false });
    const entry = await peer.reached(publisher, 'burst', count);
    const gaps = peer.ofKind('gap');
    process.stdout.write(
      `16 384 x 1 KiB in one turn: ${entry.count} arrived, gaps ${JSON.stringify(gaps.map(({ reason, missed }) => [reason, missed]))}\n`,
    );
    expect(gaps).toHaveLength(1);
    expect(gaps[0]).toMatchObject({ name: 'publisher', reason: 'window' });
    expect(gaps[0]!.missed).toBe(entry.missed);
    expect(entry.count + entry.missed).toBe(count);
    expect((await peer.heard()).anomalies).toEqual([]);
    await publisher.until(
      async () => (await publisher.ask<{ overruns: number }>('stats')).overruns === 1,
      'an overrun',
    );
    expect(overruns).toBeLessThanOrEqual(1);
    expect(
      (await publisher.ask<string[]>('log')).filter((line) => line.startsWith('CLUSTER_WINDOW_OVERRUN')),
    ).toHaveLength(1);
  });

  it('paced by writable() loses nothing', async () => {
    const [publisher, peer] = (await nodes(['publisher', 'peer'])) as [NodeProcess, NodeProcess];
    const count = 65_536;
    await publisher.ask('burst', { stream: 'burst', count, bytes: 1024, isPaced: true });
    const entry = await peer.reached(publisher, 'burst', count, 60_000);
    expect(entry).toMatchObject({ count, missed: 0 });
    expect(peer.ofKind('gap')).toEqual([]);
    expect((await publisher.ask<{ overruns: number }>('stats')).overruns).toBe(0);
  });
});

describe('a peer that is stopped', () => {
  it('beyond the window gets gaps with the right counts and is live again', async () => {
    const [publisher, peer] = (await nodes(['publisher', 'peer'], {
      windowBytes: 1024 * 1024,
      keptBytes: 64 * 1024,
    })) as [NodeProcess, NodeProcess];
    peer.signal('SIGSTOP');
    await publisher.ask('loop', { stream: 's', everyMs: 10, perTick: 20, bytes: 4096 });
    await publisher.until(
      async () => (await publisher.ask<{ log: { first: number } }>('stats')).log.first > 2_000,
      'an overtaken window',
    );
    peer.signal('SIGCONT');
    await peer.until(async () => ((await peer.stream(publisher, 's'))?.missed ?? 0) > 0, 'a gap');
    const last = await publisher.ask<number>('stop');
    const entry = await peer.reached(publisher, 's', last);
    const gaps = peer.ofKind('gap');
    process.stdout.write(`stopped beyond the window: gaps ${JSON.stringify(gaps.map(({ missed }) => missed))}\n`);
    expect(gaps.every(({ reason }) => reason === 'window')).toBe(true);
    expect(gaps.reduce((sum, { missed }) => sum + missed!, 0)).toBe(entry.missed);
    expect(entry.count + entry.missed).toBe(last);
    expect((await peer.heard()).anomalies).toEqual([]);
  });

  it(`for ${STOP_SECONDS} s under 5 MB/s slows nobody else, and memory stays within the window`, async () => {
    const [publisher, healthy, stopped] = (await nodes(['publisher', 'healthy', 'stopped'])) as [
      NodeProcess,
      NodeProcess,
      NodeProcess,
    ];
    const measure = async (): Promise<number> => {
      await healthy.ask('latencies');
      await publisher.ask('stamps', { count: STOP_SECONDS * 100, everyMs: 10 });
      const sorted = (await healthy.ask<number[]>('latencies')).sort((x, y) => x - y);
      return sorted[Math.floor(sorted.length * 0.99)]!;
    };
    await publisher.ask('loop', { stream: 's', everyMs: 10, perTick: 50, bytes: 1024 });
    const before = await measure();
    const memoryBefore = (await publisher.ask<{ arrayBuffers: number }>('memory')).arrayBuffers;
    stopped.signal('SIGSTOP');
    const during = await measure();
    const memory = (await publisher.ask<{ arrayBuffers: number }>('memory')).arrayBuffers;
    stopped.signal('SIGCONT');
    const last = await publisher.ask<number>('stop');
    process.stdout.write(
      `stopped peer, 5 MB/s: p99 to the healthy one ${before.toFixed(2)} ms before, ${during.toFixed(2)} ms during; ` +
        `buffers ${(memoryBefore / 1e6).toFixed(1)} MB before, ${(memory / 1e6).toFixed(1)} MB during\n`,
    );
    expect(await healthy.reached(publisher, 's', last)).toMatchObject({ count: last, missed: 0 });
    const entry = await stopped.reached(publisher, 's', last, 60_000);
    const { anomalies, stampsHeard } = await stopped.heard();
    const missed = stopped.ofKind('gap').reduce((sum, gap) => sum + (gap.missed ?? 0), 0);
    // The gaps count what was missed of both streams.
    const stamps = 2 * STOP_SECONDS * 100;
    expect(entry.count + stampsHeard + missed).toBe(last + stamps);
    expect(anomalies).toEqual([]);
    // The window, its newest segments, and what the kernel was handed: never the 5 MB/s that nobody took.
    expect(memory).toBeLessThan(40 * 1024 * 1024);
    expect(healthy.ofKind('gap')).toEqual([]);
  }, 180_000);
});
