/** Nodes in this process, over real sockets of loopback. */
import { type Gap, type MemberEvent, type MeshOptions, MeshNode } from 'rookery/mesh';
import { staticPeers } from 'rookery/discovery';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';

export const COOKIE = '6f1d1a1e0b7c4e2f9a3d';

const open = new Set<MeshNode>();

export interface RecordingLogger {
  readonly lines: string[];
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export function recordingLogger(): RecordingLogger {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** A node that is not started yet; it is closed by {@link closeAll}. */
export function makeNode(name: string, seedPorts: readonly number[], options: MeshOptions = {}): MeshNode {
  const node = new MeshNode({
    name,
    cookie: COOKIE,
    listen: { host: '127.0.0.1', port: 0 },
    discovery: staticPeers(seedPorts.map((port) => ({ host: '127.0.0.1', port }))),
    logger: recordingLogger(),
    ...options,
  });
  open.add(node);
  return node;
}

export async function startNode(
  name: string,
  seedPorts: readonly number[],
  options: MeshOptions = {},
): Promise<MeshNode> {
  const node = makeNode(name, seedPorts, options);
  await node.ready();
  return node;
}

/** Two nodes that are members of each other. */
export async function pair(a: MeshOptions = {}, b: MeshOptions = {}): Promise<[MeshNode, MeshNode]> {
  const port = await freePort();
  const first = await startNode('a', [port], { listen: { host: '127.0.0.1', port }, ...a });
  const second = await startNode('b', [port], b);
  await until(() => first.members().length === 1 && second.members().length === 1, 'two members');
  return [first, second];
}

export async function closeAll(): Promise<void> {
  const nodes = [...open];
  open.clear();
  await Promise.all(nodes.map((node) => node.leave()));
}

export function record(node: MeshNode): { members: string[]; gaps: Gap[]; events: MemberEvent[] } {
  const members: string[] = [];
  const gaps: Gap[] = [];
  const events: MemberEvent[] = [];
  for (const status of ['up', 'suspect', 'lost', 'left'] as const) {
    node.on(`member.${status}`, (event) => {
      members.push(`${status} ${event.member.name}`);
      events.push(event);
    });
  }
  node.on('gap', (gap) => gaps.push(gap));
  return { members, gaps, events };
}

export async function until(condition: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`);
    await delay(2);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
