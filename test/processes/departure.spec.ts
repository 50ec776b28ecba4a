/** Leaving: a killed node is lost, with a gap; one that says goodbye has left, with none. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, NodeProcess, seed, until, wallMs } from './support/node-process.js';

afterEach(() => NodeProcess.endAll());

async function threeNodes(): Promise<[NodeProcess, NodeProcess, NodeProcess]> {
  const port = await freePort();
  const a = await NodeProcess.start('a', seed(port), { listen: { host: '127.0.0.1', port } });
  const b = await NodeProcess.start('b', seed(port));
  const c = await NodeProcess.start('c', seed(port));
  for (const node of [a, b, c]) {
    await node.until(async () => (await node.ask<unknown[]>('members')).length === 2, 'two members');
  }
  return [a, b, c];
}

describe('a node that is killed', () => {
  it('is suspect, then lost, with a gap before the loss, on every other node', async () => {
    const [a, b, c] = await threeNodes();
    const killedAt = wallMs();
    await c.end('SIGKILL');
    for (const node of [a, b]) {
      const suspect = await node.event('member.suspect', 'c');
      const lost = await node.event('member.lost', 'c');
      const gap = await node.event('gap', 'c');
      process.stdout.write(
        `kill -9: ${node.name} saw suspect after ${(suspect.at - killedAt).toFixed(1)} ms, lost after ${(lost.at - killedAt).toFixed(1)} ms\n`,
      );
      expect(gap).toMatchObject({ reason: 'origin-lost', missed: undefined });
      expect(gap.at).toBeLessThanOrEqual(lost.at);
      expect(node.ofKind('gap')).toHaveLength(1);
      expect(node.ofKind('member.lost')).toHaveLength(1);
      expect(await node.ask<{ fresh: boolean }>('freshness')).toEqual({ fresh: true, reasons: [] });
    }
    // The other two never doubted each other.
    for (const [node, other] of [
      [a, 'b'],
      [b, 'a'],
    ] as const) {
      expect(node.ofKind('member.suspect').map(({ name }) => name)).not.toContain(other);
    }
  });
});

describe('a node that says goodbye', () => {
  it('has left, with no gap and no suspicion, and everything it published before arrives', async () => {
    const [a, b, c] = await threeNodes();
    await c.ask('burst', { stream: 'last-words', count: 500, bytes: 100, isPaced: false });
    const saidAt = wallMs();
    const code = await c.end('SIGTERM');
    expect(code).toBe(0);
    for (const node of [a, b]) {
      const left = await node.event('member.left', 'c');
      process.stdout.write(`SIGTERM: ${node.name} saw left after ${(left.at - saidAt).toFixed(1)} ms\n`);
      expect(left.reason).toBe('goodbye');
      expect((await node.reached(c, 'last-words', 500)).count).toBe(500);
      expect(node.ofKind('gap')).toEqual([]);
      expect(node.ofKind('member.suspect')).toEqual([]);
      expect(node.ofKind('member.lost')).toEqual([]);
    }
  });

  it('is forgotten by freshness, and a successor under the same name and port is another member', async () => {
    const [a, , c] = await threeNodes();
    const { port, incarnation } = c;
    await c.end('SIGTERM');
    await a.event('member.left', 'c');
    const successor = await NodeProcess.start('c', seed(a.port), { listen: { host: '127.0.0.1', port } });
    await until(async () => (await a.ask<unknown[]>('members')).length === 2, 'the successor is a member');
    expect(successor.incarnation).not.toBe(incarnation);
    const ups = a.ofKind('member.up').filter(({ name }) => name === 'c');
    expect(ups.map((event) => event.incarnation)).toEqual([incarnation, successor.incarnation]);
    expect(a.ofKind('gap')).toEqual([]);
  });
});
