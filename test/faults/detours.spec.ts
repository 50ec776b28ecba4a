/**
 * One link of three that is gone for long, while the third node hears both of its ends: both stay fresh, and what they say
 * still arrives, through the third.
 */
import { afterEach, expect, it } from '@jest/globals';
import { describeWithNetworks, Network } from './support/network.js';
import {
  accusations,
  duration,
  endAll,
  expectAll,
  type FaultNode,
  type Freshness,
  linkedWith,
  pause,
  report,
  seconds,
  startNodes,
} from './support/nodes.js';

const CUT_MS = duration(30_000, 10_000);
const LOOK_EVERY_MS = 100;
/** The goals. */
const IN_TOUCH_MS = { blackhole: 500, refuse: 50 };
/** What a machine that is busy with something else adds. */
const BUSY_MS = 500;

interface Result {
  /** How long after it was said each message between the two ends arrived. */
  readonly latencies: readonly number[];
  readonly staleReads: number;
}

afterEach(endAll);

const cuts = new Map<string, Promise<Result>>();
/** It takes long, so all tests look at the same one. */
function cutOnce(kind: 'blackhole' | 'refuse'): Promise<Result> {
  const result = cuts.get(kind) ?? cutOneOfThree(kind);
  cuts.set(kind, result);
  return result;
}

/** Cuts the link between a and b for a while; resolves with what they heard of each other meanwhile. */
async function cutOneOfThree(kind: 'blackhole' | 'refuse'): Promise<Result> {
  const network = await Network.start();
  const all = (await startNodes(network, ['a', 'b', 'c'])) as [FaultNode, FaultNode, FaultNode];
  const [a, b, c] = all;
  for (const { node } of all) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
  for (const { node } of all) await node.ask('latencies');
  await network[kind](a.host, b.host);
  const said = [a, b].map(({ node, host }) =>
    node.ask('stampsTo', { count: CUT_MS / LOOK_EVERY_MS, everyMs: LOOK_EVERY_MS, to: host === a.host ? 'b' : 'a' }),
  );
  let staleReads = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      for (const { node } of [a, b]) if (!(await node.ask<Freshness>('freshness')).fresh) staleReads++;
      await pause(LOOK_EVERY_MS);
    }
  })();
  await Promise.all(said);
  isOver = true;
  await watching;
  await network.heal();
  const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
  for (const { node } of all) await linkedWith(node, 2);
  for (const [i, { node: from }] of all.entries()) {
    for (const { node: to } of all) if (to !== from) await expectAll(to, from, 's', lasts[i]!);
  }
  const latencies = (await Promise.all([a, b].map(({ node }) => node.ask<number[]>('latencies'))))
    .flat()
    .sort((x, y) => x - y);
  report(
    `one link of three cut (${kind}) for ${seconds(CUT_MS)}: its ends were stale in ${staleReads} reads; what they said ` +
      `took up to ${seconds(latencies.at(-1)!)}; ` +
      `suspected ${JSON.stringify(all.map(({ node }) => accusations(node).map(({ name, event }) => `${event} ${name}`)))}`,
  );
  for (const { node } of all) {
    expect(node.ofKind('gap')).toEqual([]);
    expect(node.ofKind('member.lost')).toEqual([]);
    expect(node.ofKind('member.up')).toHaveLength(2);
  }
  // No other link was touched.
  expect(accusations(c.node)).toEqual([]);
  for (const [{ node }, other] of [
    [a, 'b'],
    [b, 'a'],
  ] as const) {
    expect(accusations(node).every(({ name }) => name === other)).toBe(true);
  }
  return { latencies, staleReads };
}

describeWithNetworks('one link of three that is cut', () => {
  it.each(['blackhole', 'refuse'] as const)(
    'touches no other link, and loses nothing (%s)',
    async (kind) => {
      await cutOnce(kind);
    },
    120_000,
  );

  it.each(['blackhole', 'refuse'] as const)(
    'leaves both ends fresh and in touch (%s)',
    async (kind) => {
      const { latencies, staleReads } = await cutOnce(kind);
      expect(staleReads).toBe(0);
      expect(latencies.at(-1)).toBeLessThan(IN_TOUCH_MS[kind] + BUSY_MS);
    },
    120_000,
  );
});
