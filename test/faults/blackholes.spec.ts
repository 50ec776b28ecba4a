/** Links on which nothing arrives any more, and nobody says so: both ends notice by themselves, in time. */
import { afterEach, expect, it } from '@jest/globals';
import { type NodeEvent, type NodeProcess, wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, Network } from './support/network.js';
import {
  accusations,
  endAll,
  type FaultNode,
  listed,
  linkedWith,
  PORT,
  report,
  seconds,
  spawnOn,
  startNodes,
} from './support/nodes.js';

/** Promised for up to 10 nodes; one way may take a round more. */
const NOTICED_MS = 5_000;
const NOTICED_ONE_WAY_MS = 6_000;
/** What the verdict's way to this process may take on a busy machine. */
const REPORT_MS = 250;

afterEach(endAll);

/** How long after `since` a node suspected another one. */
async function suspected(by: NodeProcess, name: string, since: number): Promise<number> {
  const event = await by.event('member.suspect', name, since);
  return event.at - since;
}

const names = (events: readonly NodeEvent[]): string[] => [...new Set(events.map(({ name }) => name!))].sort();

describeWithNetworks('a blackholed link', () => {
  it.each([3, 10])(
    'is noticed by both ends within 5 s, with %i nodes, and heals without a gap',
    async (count) => {
      const network = await Network.start();
      const all = await startNodes(
        network,
        Array.from({ length: count }, (_, i) => `n${i}`),
      );
      const [a, b] = [all[0]!, all[1]!];
      const since = wallMs();
      await network.blackhole(a.host, b.host);
      const took = [await suspected(a.node, 'n1', since), await suspected(b.node, 'n0', since)];
      report(`blackhole, ${count} nodes: suspect after ${took.map(seconds).join(' and ')}`);
      for (const ms of took) expect(ms).toBeLessThan(NOTICED_MS + REPORT_MS);

      await network.heal();
      const healedAt = wallMs();
      await linkedWith(a.node, count - 1);
      await linkedWith(b.node, count - 1);
      report(`blackhole, ${count} nodes: linked again ${seconds(wallMs() - healedAt)} after it healed`);
      for (const { node } of all) {
        expect(node.ofKind('gap')).toEqual([]);
        expect(node.ofKind('member.up')).toHaveLength(count - 1);
        const other = node === a.node ? 'n1' : node === b.node ? 'n0' : undefined;
        const isRight = ({ event, name }: NodeEvent): boolean => event === 'member.suspect' && name === other;
        expect(accusations(node, since).filter((said) => !isRight(said))).toEqual([]);
      }
    },
    60_000,
  );

  it('that is one-way is noticed by both ends within 6 s, whichever way it is', async () => {
    const network = await Network.start();
    const [a, b] = (await startNodes(network, ['a', 'b'])) as [FaultNode, FaultNode];
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const since = wallMs();
      await network.blackholeOneWay(from.host, to.host);
      const took = [await suspected(from.node, to.node.name, since), await suspected(to.node, from.node.name, since)];
      report(
        `one-way, from ${from.node.name}: it noticed after ${seconds(took[0]!)}, the other after ${seconds(took[1]!)}`,
      );
      for (const ms of took) expect(ms).toBeLessThan(NOTICED_ONE_WAY_MS + REPORT_MS);
      await network.heal();
      await linkedWith(a.node, 1);
      await linkedWith(b.node, 1);
    }
    expect([...a.node.ofKind('gap'), ...b.node.ofKind('gap')]).toEqual([]);
  }, 60_000);
});

describeWithNetworks('a half-open link', () => {
  it.each([
    ['stays cut off', false],
    ['can be reached at once', true],
  ])(
    'whose far end died unheard is noticed within 5 s when its successor %s',
    async (what, healsAtOnce) => {
      const network = await Network.start();
      const [a, b, c] = await startNodes(network, ['a', 'b', 'c']);
      const { incarnation } = b!.node;
      // Its socket is gone, and not one packet of that reaches anybody.
      const since = wallMs();
      await network.blackhole(b!.host, [a!.host, c!.host]);
      await b!.node.end('SIGKILL');
      const successor = await spawnOn(b!.host, 'b');
      const listen = { host: b!.host.address, port: PORT };
      await successor.open(listed(a!.host, b!.host, c!.host), { listen, limits: { readyTimeoutMs: 0 } });
      if (healsAtOnce) await network.heal();
      const took = [await suspected(a!.node, 'b', since), await suspected(c!.node, 'b', since)];
      report(`half-open, successor ${what}: noticed after ${took.map(seconds).join(' and ')}`);
      for (const ms of took) expect(ms).toBeLessThan(NOTICED_MS + REPORT_MS);
      await network.heal();

      for (const { node } of [a!, c!]) {
        const lost = await node.event('member.lost', 'b');
        expect(lost.incarnation).toBe(incarnation);
        expect(node.ofKind('gap')).toMatchObject([{ name: 'b', reason: 'origin-lost' }]);
        await linkedWith(node, 2);
        expect(node.ofKind('member.up').at(-1)).toMatchObject({ name: 'b', incarnation: successor.incarnation });
        expect(names(accusations(node, since))).toEqual(['b']);
      }
    },
    60_000,
  );
});
