/** Nodes that find each other by multicast, as hosts on one switch do; and somebody among them who has no cookie. */
import { afterEach, expect, it } from '@jest/globals';
import { join } from 'node:path';
import { type NodeProcess, wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, type Host, Network } from './support/network.js';
import { endAll, linkedWith, PORT, report, seconds, spawnOn } from './support/nodes.js';

const POLL_INTERVAL_MS = 1_000;
const INTRUDER = join(process.cwd(), 'test/faults/support/intruder.mjs');

const FAMILIES = [
  { family: 'IPv4', group: '239.255.67.70', listen: '0.0.0.0' },
  { family: 'IPv6', group: 'ff02::1:6770', listen: '::' },
] as const;
interface Family {
  readonly family: 'IPv4' | 'IPv6';
  readonly group: string;
  readonly listen: string;
}

interface Intrusion {
  readonly addresses: readonly string[];
  readonly recorded: number;
  readonly kinds: readonly number[];
  readonly sent: number;
  readonly sentBytes: number;
  readonly answers: number;
  readonly answerBytes: number;
}

afterEach(endAll);

async function startOn(
  host: Host,
  name: string,
  { family, listen }: Family,
  options: object = {},
): Promise<NodeProcess> {
  const node = await spawnOn(host, name);
  await node.open([['multicast', { family, pollIntervalMs: POLL_INTERVAL_MS }]], {
    listen: { host: listen, port: PORT },
    ...options,
  });
  return node;
}

const hostsOf = async (network: Network, count: number): Promise<Host[]> => {
  const hosts: Host[] = [];
  for (let i = 0; i < count; i++) hosts.push(await network.host());
  // An address of the link that is still being tested for doubles cannot be sent from.
  for (const host of hosts) while ((await host.run('ip', '-6', 'address', 'show', 'tentative')) !== '');
  return hosts;
};

const listedAt = async (node: NodeProcess): Promise<string[]> => {
  const { discovery } = await node.ask<{ discovery: { address: string; strategies: string[] }[] }>('stats');
  return discovery.filter(({ strategies }) => strategies.includes('multicast')).map(({ address }) => address);
};

describeWithNetworks('nodes that find each other by multicast', () => {
  it.each(FAMILIES)(
    'link on $family, and find whoever comes later',
    async (traits) => {
      const network = await Network.start();
      const hosts = await hostsOf(network, 3);
      const startedAt = wallMs();
      const nodes = await Promise.all(hosts.map(async (host, i) => startOn(host, `node-${i}`, traits)));
      await Promise.all(nodes.map(async (node) => linkedWith(node, 2)));
      report(`${traits.family}: three nodes are linked ${seconds(wallMs() - startedAt)} after the first was forked`);
      for (const node of nodes) {
        await node.until(async () => (await listedAt(node)).length === 2, 'two that are listed');
      }
      const late = await network.host();
      while ((await late.run('ip', '-6', 'address', 'show', 'tentative')) !== '');
      const comesAt = wallMs();
      const newcomer = await startOn(late, 'late', traits);
      await linkedWith(newcomer, 3);
      report(`${traits.family}: a fourth is linked ${seconds(wallMs() - comesAt)} after it was forked`);
    },
    120_000,
  );

  it.each(FAMILIES)(
    'list nobody on $family for packets that are forged, recorded, or of another cookie',
    async (traits) => {
      const network = await Network.start();
      const [a, b, c, stranger, intruder] = (await hostsOf(network, 5)) as [Host, Host, Host, Host, Host];
      const nodes = await Promise.all([a, b, c].map(async (host, i) => startOn(host, `node-${i}`, traits)));
      await Promise.all(nodes.map(async (node) => linkedWith(node, 2)));
      for (const node of nodes) {
        await node.until(async () => (await listedAt(node)).length === 2, 'two that are listed');
      }
      const before = await Promise.all(nodes.map(listedAt));
      const other = await startOn(stranger, 'stranger', traits, { cookie: '0d9f31c2a4b85e6f7781d2c3b4a59687' });
      const args = [traits.family, traits.group, String(PORT), '3000'];
      const intrusion = JSON.parse(await intruder.run(process.execPath, INTRUDER, ...args)) as Intrusion;
      expect(intrusion.recorded).toBeGreaterThan(9);
      expect(intrusion.answerBytes).toBeLessThan(intrusion.sentBytes);
      report(
        `${traits.family}: ${intrusion.sent} packets of somebody without the cookie (${intrusion.sentBytes} bytes) ` +
          `brought ${intrusion.answers} answers (${intrusion.answerBytes} bytes)`,
      );
      expect(await Promise.all(nodes.map(listedAt))).toEqual(before);
      expect(await listedAt(other)).toEqual([]);
      for (const node of nodes) {
        expect(await node.ask('members')).toHaveLength(2);
        expect(
          (await node.ask<string[]>('log')).filter((line) => line.includes('signed with another cookie')),
        ).toHaveLength(1);
      }
      expect(await other.ask('members')).toEqual([]);
    },
    120_000,
  );

  it.each(FAMILIES)(
    'find each other on $family once an interface comes up',
    async (traits) => {
      const network = await Network.start();
      const [one, other] = (await hostsOf(network, 2)) as [Host, Host];
      await other.run('ip', 'link', 'set', 'wire', 'down');
      const nodes = [await startOn(one, 'one', traits), await startOn(other, 'other', traits)];
      expect(await listedAt(nodes[0]!)).toEqual([]);
      await other.run('ip', 'link', 'set', 'wire', 'up');
      const upAt = wallMs();
      await Promise.all(nodes.map(async (node) => linkedWith(node, 1)));
      report(`${traits.family}: linked ${seconds(wallMs() - upAt)} after the interface came up`);
    },
    120_000,
  );

  it('list nobody who listens on the loopback of another machine', async () => {
    const network = await Network.start();
    const [one, other] = (await hostsOf(network, 2)) as [Host, Host];
    const node = await startOn(one, 'one', FAMILIES[0]);
    const lonely = await startOn(other, 'lonely', { ...FAMILIES[0], listen: '127.0.0.1' });
    // That one finds the other, and so they meet all the same.
    await linkedWith(lonely, 1);
    expect(await listedAt(lonely)).toEqual([`${one.address}:${PORT}`]);
    expect(await listedAt(node)).toEqual([]);
  }, 120_000);
});
