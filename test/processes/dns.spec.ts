/** Discovery by a real DNS server: members appear and disappear with the records, and its failures remove nobody. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort, NodeProcess, until } from './support/node-process.js';

/** How long the server stays down; a minute in the recorded runs. */
const DOWN_SECONDS = Number(process.env['DNS_DOWN_SECONDS'] ?? 8);
const HOSTNAME = 'nodes.example.test';

let server: ChildProcess;
let serverPort: number;
let meshPort: number;

async function startServer(port = 0): Promise<void> {
  server = fork(join(process.cwd(), 'test/processes/support/dns-server.mjs'), [String(port)]);
  const [message] = (await once(server, 'message')) as [{ port: number }];
  serverPort = message.port;
}

async function stopServer(): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const exited = once(server, 'exit');
  server.kill('SIGKILL');
  await exited;
}

async function setRecords(...addresses: string[]): Promise<void> {
  server.send(addresses.length === 0 ? [] : [[HOSTNAME, addresses]]);
  await once(server, 'message');
}

const startNode = (name: string, host: string): Promise<NodeProcess> =>
  NodeProcess.start(
    name,
    [['dns', { hostname: HOSTNAME, port: meshPort, servers: [`127.0.0.1:${serverPort}`], pollIntervalMs: 300 }]],
    { listen: { host, port: meshPort } },
  );

const names = async (node: NodeProcess): Promise<string[]> =>
  (await node.ask<{ name: string; status: string }[]>('members')).map(({ name, status }) => `${name} ${status}`).sort();

beforeEach(async () => {
  meshPort = await freePort();
  await startServer();
});
afterEach(async () => {
  await NodeProcess.endAll();
  await stopServer();
});

describe('discovery by DNS', () => {
  it(
    'follows the records, and keeps everybody while the server is down',
    async () => {
      // NXDOMAIN at first: the node is alone and ready.
      const a = await startNode('a', '127.0.0.11');
      expect(await names(a)).toEqual([]);

      // Its own address and a dead one are listed: no self, no harm.
      await setRecords('127.0.0.11', '127.0.0.99', '127.0.0.12');
      const b = await startNode('b', '127.0.0.12');
      for (const [node, other] of [
        [a, 'b up'],
        [b, 'a up'],
      ] as const) {
        await node.until(async () => (await names(node)).join() === other, `member ${other}`);
      }

      await setRecords('127.0.0.11', '127.0.0.12', '127.0.0.13');
      const c = await startNode('c', '127.0.0.13');
      await a.until(async () => (await names(a)).join() === 'b up,c up', 'b and c');

      // A record that flickers removes nobody: the link stands.
      await setRecords('127.0.0.11');
      await a.until(
        async () =>
          (await a.ask<{ discovery: { strategies: string[]; address: string }[] }>('stats')).discovery.every(
            ({ strategies, address }) => strategies.length === 0 || address.startsWith('127.0.0.11'),
          ),
        'an answer without them',
      );
      // The server is gone, then NXDOMAIN again.
      await stopServer();
      await delay(DOWN_SECONDS * 1_000);
      await startServer(serverPort);
      await until(async () => (await names(a)).length === 2, 'both members');
      for (const node of [a, b, c]) {
        expect(node.ofKind('member.suspect')).toEqual([]);
        expect(node.ofKind('gap')).toEqual([]);
        expect(node.ofKind('error')).toEqual([]);
        expect((await names(node)).every((entry) => entry.endsWith(' up'))).toBe(true);
      }

      // One that is gone for good disappears.
      await setRecords('127.0.0.11', '127.0.0.12');
      await c.end('SIGKILL');
      await a.event('member.lost', 'c');
      expect(await names(a)).toEqual(['b up']);
      expect(a.ofKind('member.up').map(({ name }) => name)).toEqual(['b', 'c']);
    },
    60_000 + DOWN_SECONDS * 1_000,
  );
});
