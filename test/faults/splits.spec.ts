/** A cluster that falls into two, while both sides go on publishing: what was missed comes, or is told by its exact count. */
import { afterEach, expect, it } from '@jest/globals';
import { type NodeProcess, wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, Network } from './support/network.js';
import {
  accusations,
  duration,
  endAll,
  expectAll,
  type FaultNode,
  type Freshness,
  IS_FULL,
  linkedWith,
  pause,
  report,
  seconds,
  startNodes,
} from './support/nodes.js';

/** How long each of them lasts. */
const SPLITS_MS = IS_FULL ? [20_000, 20_000, 20_000, 20_000, 60_000] : [20_000];
const REFUSED_MS = duration(20_000, 5_000);
/** The goal is 1 s; when both ends dial next is chance, and a packet sent into the split delays that. */
const CAUGHT_UP_MS = 10_000;

afterEach(endAll);

const head = async (node: NodeProcess): Promise<number> =>
  (await node.ask<{ log: { head: number } }>('stats')).log.head;

const isFresh = async (node: NodeProcess): Promise<boolean> => (await node.ask<Freshness>('freshness')).fresh;

const countAll = (words: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
};

describeWithNetworks('a cluster that is split two against one', () => {
  it(`for ${SPLITS_MS.map(seconds).join(', ')} loses nothing on either side, and both sides know`, async () => {
    const network = await Network.start();
    const all = (await startNodes(network, ['a', 'b', 'c'])) as [FaultNode, FaultNode, FaultNode];
    const [a, b, c] = all;
    for (const { node } of all) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    for (const splitMs of SPLITS_MS) {
      await network.blackhole([a.host, b.host], c.host);
      await pause(splitMs);
      for (const { node } of all) expect(await isFresh(node)).toBe(false);
      const healedAt = wallMs();
      await network.heal();
      const took = await Promise.all(
        [
          [a, c],
          [b, c],
          [c, a],
          [c, b],
        ].map(async ([to, from]) => {
          await to!.node.reached(from!.node, 's', await head(from!.node));
          return wallMs() - healedAt;
        }),
      );
      report(
        `split for ${seconds(splitMs)}: caught up ${took.map(seconds).join(', ')} after it healed ` +
          '(a of c, b of c, c of a, c of b)',
      );
      expect(Math.max(...took)).toBeLessThan(CAUGHT_UP_MS);
      for (const { node } of all) {
        await linkedWith(node, 2);
        await node.until(() => isFresh(node), 'fresh again');
      }
    }
    const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
    for (const [i, { node: from }] of all.entries()) {
      for (const { node: to } of all) if (to !== from) await expectAll(to, from, 's', lasts[i]!);
    }
    for (const { node } of all) {
      expect(node.ofKind('gap')).toEqual([]);
      expect(node.ofKind('member.lost')).toEqual([]);
      expect(node.ofKind('member.up')).toHaveLength(2);
    }
    for (const { node } of [a, b]) expect(new Set(accusations(node).map(({ name }) => name))).toEqual(new Set(['c']));
  }, 300_000);

  it(`by a firewall that refuses, for ${seconds(REFUSED_MS)}, calls the other side lost, and goes on where it was`, async () => {
    const network = await Network.start();
    const all = (await startNodes(network, ['a', 'b', 'c'])) as [FaultNode, FaultNode, FaultNode];
    const [a, b, c] = all;
    for (const { node } of all) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    await Promise.all([network.refuse(a.host, c.host), network.refuse(b.host, c.host)]);
    await pause(REFUSED_MS);
    const healedAt = wallMs();
    await network.heal();
    for (const { node } of all) await linkedWith(node, 2);
    const tookMs = wallMs() - healedAt;
    const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
    for (const [i, { node: from }] of all.entries()) {
      for (const { node: to } of all) if (to !== from) await expectAll(to, from, 's', lasts[i]!);
    }
    report(
      `refused for ${seconds(REFUSED_MS)}: all linked again after ${seconds(tookMs)}; ` +
        JSON.stringify(all.map(({ node }) => node.events.map(({ event, name }) => `${event} ${name}`)).map(countAll)),
    );
    // A host that refuses looks like one whose process ended: what it said last is not known, until it is there again.
    for (const { node } of all) {
      const gaps = node.ofKind('gap');
      expect(gaps.every(({ reason }) => reason === 'origin-lost')).toBe(true);
      expect(gaps).toHaveLength(node.ofKind('member.lost').length);
      expect(node.ofKind('member.up')).toHaveLength(2 + gaps.length);
    }
  }, 120_000);

  it('beyond the window gets exactly one gap in each direction, with the exact count', async () => {
    const network = await Network.start();
    const limits = { windowBytes: 256 * 1024, keptBytes: 64 * 1024, maxFrameBytes: 64 * 1024 };
    const all = (await startNodes(network, ['a', 'b', 'c'], { limits })) as [FaultNode, FaultNode, FaultNode];
    const [a, b, c] = all;
    for (const { node } of all) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1, bytes: 1024 });
    await pause(500);
    await network.blackhole([a.host, b.host], c.host);
    for (const { node, others } of [
      { node: a.node, others: ['c'] },
      { node: b.node, others: ['c'] },
      { node: c.node, others: ['a', 'b'] },
    ]) {
      for (const name of others) await node.event('member.suspect', name);
    }
    // Until the log of each let go of what the others have.
    const cutHeads = await Promise.all(all.map(({ node }) => head(node)));
    for (const [i, { node }] of all.entries()) {
      await node.until(
        async () => (await node.ask<{ log: { first: number } }>('stats')).log.first > cutHeads[i]!,
        'an overtaken window',
      );
    }
    await network.heal();
    for (const { node } of all) await linkedWith(node, 2);
    const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
    const lastOf = (node: FaultNode): number => lasts[all.indexOf(node as never)]!;
    for (const [to, from] of [
      [a, c],
      [b, c],
      [c, a],
      [c, b],
    ] as const) {
      const entry = await to.node.reached(from.node, 's', lastOf(from));
      const gaps = to.node.ofKind('gap').filter(({ name }) => name === from.node.name);
      report(
        `split beyond the window, ${to.node.name} of ${from.node.name}: ` +
          `${entry.count} of ${lastOf(from)} arrived, gaps ${JSON.stringify(gaps.map(({ missed }) => missed))}`,
      );
      expect(gaps).toMatchObject([{ reason: 'window', missed: entry.missed }]);
      expect(entry.missed).toBeGreaterThan(0);
      expect(entry.count + entry.missed).toBe(lastOf(from));
    }
    for (const [to, from] of [
      [a, b],
      [b, a],
    ] as const) {
      await expectAll(to.node, from.node, 's', lastOf(from));
      expect(to.node.ofKind('gap').map(({ name }) => name)).toEqual(['c']);
    }
    for (const { node } of all) expect((await node.heard()).anomalies).toEqual([]);
  }, 120_000);
});
