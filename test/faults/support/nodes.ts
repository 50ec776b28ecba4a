/** Nodes on the hosts of a network, and what every suite here asks of them. */
import { expect } from '@jest/globals';
import { NodeProcess, type NodeEvent } from '../../processes/support/node-process.js';
import { type Host, Network } from './network.js';

export const PORT = 4370;
const PROGRAM = 'test/faults/support/fault-node.mjs';

/** `FULL=1` runs every fault as long as it is meant to; otherwise they are shorter, as on a CI machine. */
export const IS_FULL = process.env['FULL'] === '1';
export const duration = (full: number, short: number): number => (IS_FULL ? full : short);

export interface Freshness {
  readonly fresh: boolean;
  readonly reasons: readonly string[];
}

export interface FaultNode {
  readonly host: Host;
  readonly node: NodeProcess;
}

/** Where a node listens, as discovery lists it. */
export const listed = (...hosts: readonly Host[]): [['static', { host: string; port: number }[]]] => [
  ['static', hosts.map(({ address }) => ({ host: address, port: PORT }))],
];

/** A process in a host; it listens nowhere yet. */
export const spawnOn = (host: Host, name: string): Promise<NodeProcess> =>
  NodeProcess.spawn(name, host.launch(PROGRAM));

/** A node on a host, that knows all `hosts`. */
export async function startOn(
  host: Host,
  name: string,
  hosts: readonly Host[],
  options: Record<string, unknown> = {},
): Promise<NodeProcess> {
  const node = await spawnOn(host, name);
  await node.open(listed(...hosts), { listen: { host: host.address, port: PORT }, ...options });
  return node;
}

/** One node on a host of its own for each name, all linked with each other. */
export async function startNodes(
  network: Network,
  names: readonly string[],
  options: Record<string, unknown> = {},
): Promise<FaultNode[]> {
  const hosts: Host[] = [];
  for (let i = 0; i < names.length; i++) hosts.push(await network.host());
  const nodes = await Promise.all(hosts.map(async (host, i) => startOn(host, names[i]!, hosts, options)));
  await Promise.all(nodes.map((node) => linkedWith(node, names.length - 1)));
  return hosts.map((host, i) => ({ host, node: nodes[i]! }));
}

export async function linkedWith(node: NodeProcess, count: number, timeoutMs = 30_000): Promise<void> {
  await node.until(
    async () => {
      const members = await node.ask<{ status: string }[]>('members');
      return members.length === count && members.every(({ status }) => status === 'up');
    },
    `${count} members that are up`,
    timeoutMs,
  );
}

/** For `afterEach`. */
export async function endAll(): Promise<void> {
  await NodeProcess.endAll();
  await Network.closeAll();
}

/** What a node said of its members since `at`, but for `up`. */
export const accusations = (node: NodeProcess, at = 0): NodeEvent[] =>
  node.events.filter((event) => event.at >= at && /^member\.(suspect|lost|left)$/.test(event.event));

/** Waits until `to` has everything of the stream, and checks that all of it came once and in order. */
export async function expectAll(
  to: NodeProcess,
  from: NodeProcess,
  stream: string,
  last: number,
  timeoutMs = 60_000,
): Promise<void> {
  expect(await to.reached(from, stream, last, timeoutMs)).toMatchObject({ count: last, missed: 0 });
  expect((await to.heard()).anomalies).toEqual([]);
}

/** A line of figures, for whoever reads the output. */
export const report = (line: string): void => void process.stdout.write(`   ${line}\n`);

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
