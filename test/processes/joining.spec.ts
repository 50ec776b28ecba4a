/** Finding each other: one seed address is enough, and every pair ends up with exactly one link. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, NodeProcess, seed, until, wallMs } from './support/node-process.js';

afterEach(() => NodeProcess.endAll());

interface Stats {
  readonly links: readonly { readonly member: { readonly name: string } }[];
}

async function linkCounts(nodes: readonly NodeProcess[]): Promise<number[]> {
  const stats = await Promise.all(nodes.map((node) => node.ask<Stats>('stats')));
  return stats.map(({ links }) => new Set(links.map(({ member }) => member.name)).size);
}

describe('joining', () => {
  it('links 10 nodes that each know only the first into 45 links', async () => {
    const port = await freePort();
    const nodes = await Promise.all(Array.from({ length: 10 }, (_, i) => NodeProcess.spawn(`node-${i}`)));
    await Promise.all(
      nodes.map((node, i) => node.open(seed(port), i === 0 ? { listen: { host: '127.0.0.1', port } } : {})),
    );
    await until(async () => (await linkCounts(nodes)).every((count) => count === 9), '9 links on each node');
    const lastUp = Math.max(...nodes.flatMap((node) => node.ofKind('member.up').map(({ at }) => at)));
    const lastListening = Math.max(...nodes.map((node) => node.listeningAt));
    process.stdout.write(`10 nodes: full mesh ${(lastUp - lastListening).toFixed(0)} ms after the last one listened\n`);

    const stats = await Promise.all(nodes.map((node) => node.ask<Stats>('stats')));
    expect(stats.reduce((sum, { links }) => sum + links.length, 0)).toBe(2 * 45);
    for (const node of nodes) {
      expect(
        node
          .ofKind('member.up')
          .map(({ name }) => name)
          .sort(),
      ).toEqual(
        nodes
          .filter((other) => other !== node)
          .map(({ name }) => name)
          .sort(),
      );
      expect(node.ofKind('member.suspect')).toEqual([]);
      expect(node.ofKind('gap')).toEqual([]);
    }
  });

  it('lets a third node receive at once when it knows one address', async () => {
    const first = await NodeProcess.start('first', seed(await freePort()));
    const second = await NodeProcess.start('second', seed(first.port));
    await second.ask('loop', { stream: 's', everyMs: 5, perTick: 1 });
    const third = await NodeProcess.spawn('third');
    const startedAt = wallMs();
    await third.open(seed(first.port));
    await third.until(async () => (await third.stream(second, 's')) !== undefined, 'something of the second node');
    const { firstAt } = (await third.stream(second, 's'))!;
    process.stdout.write(`third node received ${(firstAt - startedAt).toFixed(0)} ms after its mesh was started\n`);
    const last = await second.ask<number>('stop');
    await third.reached(second, 's', last);
    expect((await third.heard()).anomalies).toEqual([]);
    expect((await third.stream(second, 's'))!.missed).toBe(0);
    expect(third.ofKind('gap')).toEqual([]);
  });
});
