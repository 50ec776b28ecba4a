/** A publisher with one healthy and one blackholed peer, against the same without the latter: it and the healthy one do not notice. */
import { afterEach, expect, it } from '@jest/globals';
import { wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, Network } from './support/network.js';
import { accusations, duration, endAll, type FaultNode, report, startNodes } from './support/nodes.js';

/** Longer than a blackholed peer is held for alive, so that the time of its verdict is in it. */
const RUN_MS = duration(10_000, 6_000);
const PAIRS = duration(5, 2);
const BYTES = 1024;

/**
 * The goals are 2 and 0.9. Both ends share the processors with whatever else runs here, so that single runs differ by more:
 * what is asserted is that nobody waits for the bad peer.
 */
const MAX_P9999_RATIO = 20;
const MIN_RATE_RATIO = 0.5;

interface Flood {
  readonly last: number;
  readonly tookMs: number;
  readonly p50: number;
  readonly p99: number;
  readonly p9999: number;
  readonly max: number;
}

interface Run extends Flood {
  /** Messages a second that the healthy peer received. */
  readonly rate: number;
}

afterEach(endAll);

async function flood(isBad: boolean): Promise<Run> {
  const network = await Network.start();
  const names = isBad ? ['publisher', 'healthy', 'bad'] : ['publisher', 'healthy'];
  const [publisher, healthy, bad] = (await startNodes(network, names)) as [FaultNode, FaultNode, FaultNode?];
  // Code that runs hot and a log that is full, as in a process that has run for a while.
  const warmUp = await publisher.node.ask<Flood>('flood', { stream: 'warm-up', ms: 1_500, bytes: BYTES });
  await healthy.node.reached(publisher.node, 'warm-up', warmUp.last);
  if (bad !== undefined) {
    await bad.node.reached(publisher.node, 'warm-up', warmUp.last);
    await network.blackhole(bad.host, [publisher.host, healthy.host]);
  }
  const startedAt = wallMs();
  const run = await publisher.node.ask<Flood>('flood', { stream: 's', ms: RUN_MS, bytes: BYTES });
  const entry = await healthy.node.reached(publisher.node, 's', run.last);
  const rate = (entry.count / (wallMs() - startedAt)) * 1000;
  expect(entry).toMatchObject({ count: run.last, missed: 0 });
  for (const { node } of [publisher, healthy]) {
    expect(node.ofKind('gap')).toEqual([]);
    expect(accusations(node).every(({ name }) => name === 'bad')).toBe(true);
  }
  await endAll();
  return { ...run, rate };
}

const median = (values: readonly number[]): number => [...values].sort((x, y) => x - y)[values.length >> 1]!;
const us = (ms: number): string => `${(ms * 1000).toFixed(0)} us`;

describeWithNetworks('a publisher with one healthy and one blackholed peer', () => {
  it('publishes as fast as without the latter, and the healthy one gets as much', async () => {
    const p9999: number[] = [];
    const rates: number[] = [];
    for (let pair = 1; pair <= PAIRS; pair++) {
      const alone = await flood(false);
      const beside = await flood(true);
      p9999.push(beside.p9999 / alone.p9999);
      rates.push(beside.rate / alone.rate);
      for (const [what, run] of [
        ['without', alone],
        ['with', beside],
      ] as const) {
        report(
          `${what} a blackholed peer: publish p50 ${us(run.p50)}, p99 ${us(run.p99)}, p99.99 ${us(run.p9999)}, ` +
            `max ${us(run.max)}; ${run.rate.toFixed(0)} messages/s of 1 KiB at the healthy peer`,
        );
      }
    }
    report(
      `ratios with to without: p99.99 of publish ${p9999.map((ratio) => ratio.toFixed(2)).join(', ')}; ` +
        `rate ${rates.map((ratio) => ratio.toFixed(2)).join(', ')}`,
    );
    expect(median(p9999)).toBeLessThan(MAX_P9999_RATIO);
    expect(median(rates)).toBeGreaterThan(MIN_RATE_RATIO);
  }, 300_000);
});
