/** Links between nodes that know unlike numbers of others, and links that are much too narrow for what is sent on them. */
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
  PORT,
  report,
  seconds,
  spawnOn,
  startNodes,
  startOn,
} from './support/nodes.js';
import { COOKIE } from '../processes/support/node-process.js';

/** With the two that the small view has, 49 members. */
const CROWD = 46;
const WATCHED_MS = duration(60_000, 30_000);
const NARROW_MS = duration(20_000, 8_000);
/** `freshness()` is false once the newest proof is 6 s old; what a busy machine adds comes on top. */
const STALE_MS = 6_000;
const LATE_MS = 2_000;

afterEach(endAll);

describeWithNetworks('two nodes whose views differ in size', () => {
  it(`keep their link for ${seconds(WATCHED_MS)}, 49 members here and 3 there`, async () => {
    const network = await Network.start();
    const [hostOfBig, hostOfSmall, hostOfThird, hostOfCrowd] = [
      await network.host(),
      await network.host(),
      await network.host(),
      await network.host(),
    ];
    // The crowd is heard of everywhere, but only one can reach it.
    await network.blackhole(hostOfCrowd, [hostOfSmall, hostOfThird]);
    const crowd = await spawnOn(hostOfCrowd, 'crowd');
    const big = await startOn(hostOfBig, 'big', [hostOfBig]);
    await crowd.ask('crowd', {
      options: { cookie: COOKIE, listen: { host: hostOfCrowd.address } },
      peers: [{ host: hostOfBig.address, port: PORT }],
      ports: Array.from({ length: CROWD }, (_, i) => PORT + i),
    });
    await linkedWith(big, CROWD, 60_000);
    const small = await startOn(hostOfSmall, 'small', [hostOfBig]);
    const third = await startOn(hostOfThird, 'third', [hostOfBig]);
    await linkedWith(big, CROWD + 2);
    // Each of the two learns of the other in one breath with many that never answer: those must not take its turn.
    await linkedWith(small, 2);
    await linkedWith(third, 2);
    const linkedMs = small.ofKind('member.up').at(-1)!.at - third.listeningAt;

    const speak = async (): Promise<number> => {
      await Promise.all([big, small].map((node) => node.ask('loop', { stream: 's', everyMs: 1_000, perTick: 1 })));
      await pause(WATCHED_MS);
      const last = await big.ask<number>('stop');
      await expectAll(small, big, 's', last);
      await expectAll(big, small, 's', await small.ask<number>('stop'));
      return last;
    };
    const last = await speak();
    const said = [big, small, third].flatMap((node) => accusations(node));
    report(
      `views of 49 and 3: the small ones linked after ${seconds(linkedMs)}; for ${seconds(WATCHED_MS)}: ${said.length} suspicions, ${last} messages arrived; ` +
        `the small one is fresh: ${JSON.stringify((await small.ask<Freshness>('freshness')).fresh)}`,
    );
    expect(said).toEqual([]);
    expect([...big.ofKind('gap'), ...small.ofKind('gap'), ...third.ofKind('gap')]).toEqual([]);
  }, 180_000);
});

interface Lags {
  readonly maxMs: number;
  readonly staleFor: number;
  readonly lies: number;
  readonly worstLieMs: number;
  readonly reads: number;
}

describeWithNetworks('a link of 1 Mbit/s that is filled with 4', () => {
  let filled: Promise<Lags> | undefined;
  /** It takes long, so all tests look at the same one. */
  const fillOnce = (): Promise<Lags> => (filled ??= fill());

  async function fill(): Promise<Lags> {
    const network = await Network.start();
    const [a, b] = (await startNodes(network, ['a', 'b'])) as [FaultNode, FaultNode];
    await network.throttle(a.host, '1mbit');
    await b.node.ask('watchLag', { limitMs: STALE_MS + LATE_MS });
    await a.node.ask('loop', { stream: 's', everyMs: 10, perTick: 5, bytes: 1024 });
    await pause(NARROW_MS);
    const last = await a.node.ask<number>('stop');
    await a.node.ask('loop', { stream: 'after', everyMs: 100, perTick: 1 });
    await expectAll(b.node, a.node, 's', last, 120_000);
    await b.node.until(async () => (await b.node.ask<Freshness>('freshness')).fresh, 'fresh again', 10_000);
    const lags = await b.node.ask<Lags>('lags');
    await expectAll(b.node, a.node, 'after', await a.node.ask<number>('stop'));
    report(
      `1 Mbit/s, filled with 4 Mbit/s for ${seconds(NARROW_MS)}: messages up to ${seconds(lags.maxMs)} late, ` +
        `stale for ${seconds(lags.staleFor)}; fresh while later than ${seconds(STALE_MS + LATE_MS)} in ${lags.lies} of ` +
        `${lags.reads} reads, up to ${seconds(lags.worstLieMs)} late`,
    );
    for (const { node } of [a, b]) {
      expect(accusations(node)).toEqual([]);
      expect(node.ofKind('gap')).toEqual([]);
    }
    expect(lags.maxMs).toBeGreaterThan(STALE_MS + LATE_MS);
    return lags;
  }

  // A heartbeat waits behind what was sent before it: dated by its arrival it would prove more than is true.
  it('stays up, loses nothing, is known to be behind while it is, and is fresh when it is empty again', async () => {
    expect((await fillOnce()).lies).toBe(0);
  }, 240_000);
});
