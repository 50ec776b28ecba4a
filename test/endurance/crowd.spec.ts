/** Many nodes at once: they find each other, notice the dead, begin anew together, and cost next to nothing while idle. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { fixedPort, NodeProcess, seed, type Stats, until, wallMs } from '../processes/support/node-process.js';
import { expectIdle } from './support/idle.js';
import { size } from '../processes/support/size.js';

const NODES = size('NODES', 20, 50);
const KILLED = Math.ceil(NODES / 5);
const IDLE_SECONDS = size('IDLE_SECONDS', 12, 300);
/** Ten seconds are promised on a machine that does nothing else; by default it may be a busy one. */
const JOIN_MS = size('JOIN_MS', 30_000, 10_000);

let ports: number[];
let nodes: NodeProcess[] = [];

beforeAll(async () => {
  ports = await Promise.all(Array.from({ length: NODES }, fixedPort));
});
afterAll(() => NodeProcess.endAll());

const upsOf = (node: NodeProcess): Set<string> =>
  new Set(node.ofKind('member.up').map(({ incarnation }) => incarnation!));

/** Starts all at once, each knowing the first; resolves when everyone is up for everyone. */
async function startAll(what: string): Promise<void> {
  const starting = ports.map(async (port, i) => {
    const node = await NodeProcess.spawn(`node-${i}`);
    nodes[i] = node;
    await node.open(seed(ports[0]!), { listen: { host: '127.0.0.1', port } });
    return node;
  });
  nodes = await Promise.all(starting);
  const lastForkAt = Math.max(...nodes.map(({ forkedAt }) => forkedAt));
  await until(() => nodes.every((node) => upsOf(node).size === NODES - 1), 'everyone is up', JOIN_MS + 60_000);
  const lastUpAt = Math.max(...nodes.flatMap((node) => node.ofKind('member.up').map(({ at }) => at)));
  const lastListening = Math.max(...nodes.map(({ listeningAt }) => listeningAt));
  const cpu = await Promise.all(nodes.map((node) => node.cpuSeconds()));
  process.stdout.write(
    `${NODES} nodes ${what}: full mesh ${(lastUpAt - lastForkAt).toFixed(0)} ms after the last fork, ` +
      `${(lastUpAt - lastListening).toFixed(0)} ms after the last one listened; ` +
      `${cpu.reduce((sum, seconds) => sum + seconds, 0).toFixed(1)} CPU-seconds in all\n`,
  );
  expect(lastUpAt - lastForkAt).toBeLessThanOrEqual(JOIN_MS);
}

/** Every pair has one link, and nobody ever doubted anybody. */
async function expectFullMesh(): Promise<void> {
  const stats = await Promise.all(nodes.map((node) => node.ask<Stats>('stats')));
  expect(stats.reduce((sum, { links }) => sum + links.length, 0) / 2).toBe((NODES * (NODES - 1)) / 2);
  for (const [i, { links }] of stats.entries()) {
    expect(new Set(links.map(({ member }) => member.incarnation)).size).toBe(NODES - 1);
    const node = nodes[i]!;
    const others = nodes.filter((other) => other !== node).map(({ name }) => `member.up ${name}`);
    expect(node.journal().sort()).toEqual(others.sort());
    expect((await node.heard()).anomalies).toEqual([]);
  }
}

// Each of these goes on where the one before it ended.
describe(`${NODES} nodes`, () => {
  it('that start at once, each knowing one address, link every pair once, and nobody flaps', async () => {
    await startAll('at once');
    await expectFullMesh();
  }, 150_000);

  it(`of which ${KILLED} are killed at once are lost for all others, and nothing else happens`, async () => {
    const killed = nodes.slice(-KILLED);
    const rest = nodes.slice(0, -KILLED);
    const before = rest.map((node) => node.journal().length);
    const killedAt = wallMs();
    await Promise.all(killed.map((node) => node.end('SIGKILL')));
    const isNoticed = (node: NodeProcess): boolean => node.ofKind('member.lost').length >= KILLED;
    await until(() => rest.every(isNoticed), 'all losses');
    const times = rest.flatMap((node) => node.ofKind('member.lost').map(({ at }) => at - killedAt));
    process.stdout.write(
      `${KILLED} of ${NODES} killed: noticed by all after ${Math.max(...times).toFixed(0)} ms at the latest\n`,
    );
    // Longer than a second dial, or a rumour about one of the dead, takes.
    await delay(3_000);
    for (const [i, node] of rest.entries()) {
      // A view that was under way may call the dead to mind once more, which is one gap more.
      const happened = node
        .journal()
        .slice(before[i])
        .filter((line, at, all) => all.indexOf(line) === at);
      for (const { name } of killed) {
        expect(happened.filter((line) => line.split(' ')[1] === name)).toEqual([
          `member.suspect ${name}`,
          `gap ${name} origin-lost`,
          `member.lost ${name}`,
        ]);
      }
      expect(happened).toHaveLength(3 * KILLED);
    }
  }, 150_000);

  it('that are all killed, and started again at the same addresses, are a full mesh again', async () => {
    await Promise.all(nodes.map((node) => node.end('SIGKILL')));
    await startAll('again');
    await expectFullMesh();
  }, 150_000);

  it(
    `that idle for ${IDLE_SECONDS} s stay fresh, say nothing, and send at most 1 KB/s each`,
    async () => {
      // What belongs to the start is over by then: the last views are told 30 ms later for each link.
      await delay(3_000);
      await expectIdle(nodes, IDLE_SECONDS);
      await expectFullMesh();
    },
    60_000 + 2_000 * IDLE_SECONDS,
  );
});
