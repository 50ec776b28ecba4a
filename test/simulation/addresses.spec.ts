/** What a node says of the addresses that discovery lists, in virtual time: what is so now, and aloud when nobody is found. */
import { afterEach, expect, it } from '@jest/globals';
import { silentLogger } from '@rookery/runtime';
import { SmallCluster } from './small-cluster.js';

let cluster: SmallCluster;
afterEach(() => cluster.close());

it('an address of a linked member is linked, whoever dialled, and one of our own is our own', async () => {
  cluster = await SmallCluster.make();
  const all = await cluster.startAll('a', 'b', 'c');
  expect(all.flatMap(({ node }) => node.stats().discovery).length).toBeGreaterThan(2);
  for (const { node } of all) {
    const dials = node.stats().discovery;
    for (const { address, outcome, attempts, detail, mend, member } of dials) {
      expect({ address, outcome, attempts, detail, mend }).toEqual({
        address: `host-${member}:4370`,
        outcome: member === node.self.name ? 'self' : 'linked',
        attempts: 0,
        detail: undefined,
        mend: undefined,
      });
    }
  }
});

it('a node that finds nobody for half a minute where somebody is listed says so once, and again after it was linked', async () => {
  cluster = await SmallCluster.make();
  const a = cluster.start('a');
  const lines: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => void lines.push(line) };
  const told = (): string[] => lines.filter((line) => line.startsWith('No member was found'));
  const b = cluster.start('b', logger);
  cluster.separate(a, b);
  await cluster.pass(29_000);
  expect(told()).toEqual([]);
  await cluster.pass(60_000);
  expect(told()).toEqual([
    'No member was found at the addresses that discovery lists (1) for 30 s, such as host-a:4370 (timeout). ' +
      'The host does not answer: a firewall or a network policy drops TCP to this port, or nobody has that address any more. ' +
      'Open the port in both directions, or take the address from the list. `npx rookery doctor` says more.',
  ]);
  cluster.reunite(a, b);
  await cluster.until(() => b.node.members('up').length === 1, 'a link');
  cluster.separate(a, b);
  await cluster.pass(60_000);
  expect(told()).toHaveLength(2);
});

it('a node that nobody is listed for says nothing of the sort', async () => {
  cluster = await SmallCluster.make();
  const lines: string[] = [];
  cluster.start('a', { ...silentLogger, warn: (line) => void lines.push(line) });
  await cluster.pass(120_000);
  expect(lines).toEqual([]);
});
