/** A partial partition in virtual time: two nodes cannot reach each other, and a third one hears both. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ConfirmedPublication } from 'rookery/mesh';
import { SmallCluster, type SmallNode } from './small-cluster.js';

const CUT_MS = 30_000;
const SAY_EVERY_MS = 50;

let cluster: SmallCluster;
afterEach(() => cluster.close());

/** Both say something every so often, for so long; resolves once all of it should have arrived. */
async function converse(a: SmallNode, b: SmallNode, durationMs: number): Promise<number> {
  const count = durationMs / SAY_EVERY_MS;
  for (let i = 0; i < count; i++) {
    for (const small of [a, b]) cluster.do(small, (node) => node.publish('t', { i, at: cluster.time.now }));
    await cluster.pass(SAY_EVERY_MS);
  }
  return count;
}

/** Of what `to` heard from `from` since `since`: how long each was on its way. */
function latencies(to: SmallNode, from: SmallNode, since = 0): number[] {
  return to.heard
    .filter((heard) => heard.from === from.name && heard.at >= since)
    .map(({ payload, at }) => at - (payload as { at: number }).at);
}

const said = (to: SmallNode, from: SmallNode): number[] =>
  to.heard.filter((heard) => heard.from === from.name).map(({ payload }) => (payload as { i: number }).i);

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe.each([
  ['reset', 50],
  ['blackhole', 500],
] as const)('one link of three that is gone by %s', (kind, limitMs) => {
  it('costs no message, no freshness and no other link, and takes over again', async () => {
    cluster = await SmallCluster.make();
    const [a, b, c] = (await cluster.startAll('a', 'b', 'c')) as [SmallNode, SmallNode, SmallNode];
    const others = [
      [a, c],
      [c, a],
      [b, c],
      [c, b],
    ] as const;
    const before = others.map(([one, other]) => cluster.linkOf(one, other));
    const direct = cluster.linkOf(a, b);
    cluster.watchFreshness();
    if (kind === 'reset') cluster.breakOff(a, b);
    else cluster.separate(a, b);
    const count = await converse(a, b, CUT_MS);
    await cluster.pass(1_000);
    for (const [to, from] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(said(to, from)).toEqual(upTo(count));
      expect(Math.max(...latencies(to, from))).toBeLessThan(limitMs);
    }
    expect(a.node.stats().detours.map(({ member, via }) => `${member.name} via ${via.name}`)).toEqual(['b via c']);

    cluster.network.heal();
    await cluster.until(() => [a, b].every(({ node }) => node.members('up').length === 2), 'a link again');
    expect(cluster.linkOf(a, b)).not.toBe(direct);
    await cluster.pass(2_000);
    expect([a, b, c].map(({ node }) => node.stats().detours)).toEqual([[], [], []]);
    a.heard.length = b.heard.length = 0;
    const later = await converse(a, b, 1_000);
    await cluster.pass(100);
    expect([said(a, b), said(b, a)]).toEqual([upTo(later), upTo(later)]);

    expect(others.map(([one, other]) => cluster.linkOf(one, other))).toEqual(before);
    expect(others.map(([one, other], i) => cluster.linkOf(one, other) === before[i])).toEqual([true, true, true, true]);
    expect([a, b, c].flatMap(({ gaps, stale }) => [...gaps, ...stale])).toEqual([]);
    expect(c.events.filter((event) => !event.startsWith('up'))).toEqual([]);
    expect([a, b].flatMap(({ events }) => events).filter((event) => /lost|left/.test(event))).toEqual([]);
  });
});

describe('two nodes that never had a link', () => {
  /** The third hears both, and tells each of the other. */
  async function strangers(): Promise<[SmallNode, SmallNode, SmallNode]> {
    cluster = await SmallCluster.make();
    const c = cluster.start('c');
    const a = cluster.start('a');
    cluster.network.block('host-a', 'host-b');
    cluster.network.block('host-b', 'host-a');
    const b = cluster.start('b');
    await cluster.until(() => [a, b].every(({ node }) => node.members().length === 2), 'members');
    return [a, b, c];
  }

  it('hear all that the other says, in order and once, behind up', async () => {
    const [a, b, c] = await strangers();
    await cluster.pass(2_000);
    cluster.watchFreshness();
    const count = await converse(a, b, CUT_MS);
    await cluster.pass(1_000);
    expect([said(a, b), said(b, a)]).toEqual([upTo(count), upTo(count)]);
    expect(Math.max(...latencies(a, b), ...latencies(b, a))).toBeLessThan(50);
    expect(a.events).toEqual(['up c', 'up b']);
    expect([a, b, c].flatMap(({ gaps, stale }) => [...gaps, ...stale])).toEqual([]);

    cluster.network.heal();
    await cluster.until(() => [a, b].every(({ node }) => node.members('up').length === 2), 'a link at last');
    a.heard.length = b.heard.length = 0;
    const later = await converse(a, b, 1_000);
    await cluster.pass(100);
    expect([said(a, b), said(b, a)]).toEqual([upTo(later), upTo(later)]);
    expect([a, b].flatMap(({ node }) => node.stats().detours)).toEqual([]);
  });

  it('lose nothing of one that leaves, though the other never had a word of it on a link', async () => {
    const [a, b] = await strangers();
    const count = await converse(a, b, 2_000);
    let hasLeft = false;
    cluster.do(a, (node) => {
      for (let i = count; i < count + 20; i++) node.publish('t', { i, at: cluster.time.now });
      void node.leave().then(() => (hasLeft = true));
    });
    await cluster.until(() => hasLeft && b.events.includes('left a'), 'a goodbye');
    expect(said(b, a)).toEqual(upTo(count + 20));
    expect(b.gaps).toEqual([]);
    // Nothing comes after it, and it was not waited out.
    expect(b.events.at(-1)).toBe('left a');
  });
});

describe('across a detour', () => {
  it('a publication is confirmed, by whoever handled it', async () => {
    cluster = await SmallCluster.make();
    const [a, b] = (await cluster.startAll('a', 'b', 'c')) as [SmallNode, SmallNode, SmallNode];
    cluster.breakOff(a, b);
    await cluster.pass(100);
    const results: ConfirmedPublication[] = [];
    cluster.do(a, (node) => void node.publishConfirmed('t', 1).then((result) => results.push(result)));
    await cluster.until(() => results.length === 1, 'an answer', 2_000);
    expect(results[0]!.confirmed.map(({ name }) => name).sort()).toEqual(['b', 'c']);
    expect(b.heard.map(({ payload }) => payload)).toEqual([1]);
  });

  it('a node whose link is stuck, and that says its last words and leaves at once, loses none of them', async () => {
    cluster = await SmallCluster.make();
    const [a, b] = (await cluster.startAll('a', 'b', 'c')) as [SmallNode, SmallNode, SmallNode];
    cluster.separate(a, b);
    let hasLeft = false;
    cluster.do(a, (node) => {
      for (let i = 0; i < 20; i++) node.publish('t', { i, at: cluster.time.now });
      void node.leave().then(() => (hasLeft = true));
    });
    await cluster.until(() => hasLeft && b.events.includes('left a'), 'a goodbye');
    expect(said(b, a)).toEqual(upTo(20));
    expect(b.gaps).toEqual([]);
  });
});
