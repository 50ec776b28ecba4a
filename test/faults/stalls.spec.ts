/** Nodes that are held up, by a signal or by their own code: they know it when they go on, catch up, and blame nobody. */
import { afterEach, expect, it } from '@jest/globals';
import { wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, Network } from './support/network.js';
import {
  accusations,
  endAll,
  expectAll,
  type FaultNode,
  type Freshness,
  linkedWith,
  pause,
  report,
  seconds,
  startNodes,
  startOn,
} from './support/nodes.js';

/** Promised: a thawed node has everything by then. */
const CAUGHT_UP_MS = 3_000;
/** `freshness()` is false once the newest proof is 6 s old; what a busy machine adds comes on top. */
const STALE_MS = 6_000;
const LATE_MS = 2_000;

interface Stall extends Freshness {
  readonly where: string;
  readonly lastedMs: number;
  readonly at: number;
}

afterEach(endAll);

/** Three nodes that all publish. */
async function busyNodes(): Promise<[FaultNode, FaultNode, FaultNode]> {
  const all = (await startNodes(await Network.start(), ['a', 'b', 'c'])) as [FaultNode, FaultNode, FaultNode];
  for (const { node } of all) {
    await node.ask('watchStalls');
    await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
  }
  return all;
}

/** Ends the loops, and checks that everybody got everything. */
async function expectNothingLost(all: readonly FaultNode[]): Promise<void> {
  const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
  for (const [i, { node: from }] of all.entries()) {
    for (const { node: to } of all) if (to !== from) await expectAll(to, from, 's', lasts[i]!);
  }
  for (const { node } of all) {
    expect(node.ofKind('gap')).toEqual([]);
    expect(node.ofKind('member.lost')).toEqual([]);
    expect(node.ofKind('member.up')).toHaveLength(all.length - 1);
  }
}

/** How long after `since` a node had what `from` had published by then. */
async function caughtUp(to: FaultNode, from: readonly FaultNode[], since: number): Promise<number> {
  const heads = await Promise.all(
    from.map(async ({ node }) => ({ node, head: (await node.ask<{ log: { head: number } }>('stats')).log.head })),
  );
  await Promise.all(heads.map(({ node, head }) => to.node.reached(node, 's', head)));
  await to.node.until(async () => (await to.node.ask<Freshness>('freshness')).fresh, 'fresh again');
  return wallMs() - since;
}

describeWithNetworks('a node that is stopped', () => {
  it('for 2 s is missed by nobody', async () => {
    const all = await busyNodes();
    const [a] = all;
    a.node.signal('SIGSTOP');
    await pause(2_000);
    a.node.signal('SIGCONT');
    // A verdict that the stop led to would be there within a silence more.
    await pause(4_500);
    for (const { node } of all) expect(accusations(node)).toEqual([]);
    await expectNothingLost(all);
  }, 60_000);

  it('for 15 s is stale at its first read, and caught up 3 s later with nothing lost', async () => {
    const all = await busyNodes();
    const [a, b, c] = all;
    await pause(500);
    a.node.signal('SIGSTOP');
    await pause(15_000);
    const thawedAt = wallMs();
    a.node.signal('SIGCONT');
    const took = await caughtUp(a, [b, c], thawedAt);
    const [stall] = await a.node.ask<Stall[]>('stalls');
    report(
      `stopped for 15 s: first read in ${stall!.where}, fresh ${stall!.fresh} ${stall!.reasons.join(' ')}; ` +
        `caught up after ${seconds(took)}`,
    );
    expect(took).toBeLessThan(CAUGHT_UP_MS);
    await expectNothingLost(all);
    for (const { node } of [b, c]) expect(new Set(accusations(node).map(({ name }) => name))).toEqual(new Set(['a']));
    expect(stall!.fresh).toBe(false);
  }, 60_000);
});

describeWithNetworks('a node that is stopped and cut off meanwhile', () => {
  // What lay in its socket when it was cut off must not be dated by when it is read.
  it('is stale when it goes on, and stays so', async () => {
    const network = await Network.start();
    const hosts = [await network.host(), await network.host()] as const;
    // The other one dials, so it is the one that speaks without being asked.
    const a = { host: hosts[0], node: await startOn(hosts[0], 'a', [hosts[0]]) };
    const b = { host: hosts[1], node: await startOn(hosts[1], 'b', [hosts[0]]) };
    for (const { node } of [a, b]) {
      await linkedWith(node, 1);
      await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    }
    await a.node.ask('watchLag', { limitMs: STALE_MS + LATE_MS });
    await pause(500);
    a.node.signal('SIGSTOP');
    await pause(2_500);
    await network.blackhole(a.host, b.host);
    await pause(12_500);
    a.node.signal('SIGCONT');
    await pause(2_000);
    const lags = await a.node.ask<{ lies: number; reads: number; worstLieMs: number }>('lags');
    report(
      `stopped for 15 s and cut off after 2.5 s: fresh in ${lags.lies} of ${lags.reads} reads, ` +
        `up to ${seconds(lags.worstLieMs)} behind`,
    );
    await network.heal();
    await expectNothingLost([a, b]);
    expect(lags.lies).toBe(0);
  }, 60_000);
});

describeWithNetworks('a node whose own code blocks it', () => {
  it('for 10 s accuses nobody, is stale at its first read, and loses nothing', async () => {
    const all = await busyNodes();
    const [a, b, c] = all;
    await pause(500);
    const since = wallMs();
    await a.node.ask('stall', { ms: 10_000 });
    const wokenAt = wallMs();
    const took = await caughtUp(a, [b, c], wokenAt);
    const [stall] = await a.node.ask<Stall[]>('stalls');
    const said = accusations(a.node, since);
    report(
      `blocked for 10 s: first read in ${stall!.where}, fresh ${stall!.fresh} ${stall!.reasons.join(' ')}; ` +
        `caught up after ${seconds(took)}; ` +
        `said ${JSON.stringify(said.map(({ event, name, reason }) => `${event} ${name}: ${reason}`))}`,
    );
    await expectNothingLost(all);
    expect(said).toEqual([]);
    // The others are right to miss it, and never doubt each other.
    for (const { node } of [b, c]) expect(new Set(accusations(node).map(({ name }) => name))).toEqual(new Set(['a']));
    expect(took).toBeLessThan(CAUGHT_UP_MS);
    expect(stall!.fresh).toBe(false);
  }, 60_000);
});
