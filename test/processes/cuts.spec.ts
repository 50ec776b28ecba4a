/** Links that are cut again and again, in the middle of frames: everything arrives once and in order, and nothing is a gap. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { CutProxy } from './support/cut-proxy.js';
import { freePort, NodeProcess, seed, until } from './support/node-process.js';
import { randomFrom } from './support/random.js';

const CUTS = Number(process.env['CUTS'] ?? 200);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);

let proxies: CutProxy[] = [];
afterEach(async () => {
  await NodeProcess.endAll();
  for (const proxy of proxies) proxy.close();
  proxies = [];
});

describe('a link that is cut', () => {
  it(`loses and repeats nothing in ${CUTS} cuts, half of them at one end only (SEED=${SEED})`, async () => {
    const random = randomFrom(SEED);
    const [portOfA, portOfB] = [await freePort(), await freePort()];
    const toA = await CutProxy.start(portOfA);
    const toB = await CutProxy.start(portOfB);
    proxies = [toA, toB];
    // Each knows the other through a proxy only, so that every link can be cut.
    const behind = (listen: number, proxy: CutProxy): Record<string, unknown> => ({
      listen: { host: '127.0.0.1', port: listen },
      advertise: { host: '127.0.0.1', port: proxy.port },
    });
    const a = await NodeProcess.start('a', seed(toB.port), behind(portOfA, toA));
    const b = await NodeProcess.start('b', seed(toA.port), behind(portOfB, toB));
    for (const node of [a, b])
      await node.until(async () => (await node.ask<unknown[]>('members')).length === 1, 'a member');
    await a.ask('loop', { stream: 's', everyMs: 10, perTick: 10 });
    await b.ask('loop', { stream: 's', everyMs: 10, perTick: 10 });

    const started = performance.now();
    for (let cut = 1; cut <= CUTS; cut++) {
      const isOneSided = random() < 0.5;
      const bytes = Math.floor(random() * 20_000);
      await until(() => toA.connections + toB.connections > 0, 'a link through a proxy', 60_000);
      const before = toA.cuts + toB.cuts;
      for (const proxy of proxies) proxy.cutAfter(bytes, isOneSided);
      await until(() => toA.cuts + toB.cuts > before, `cut ${cut}`, 60_000);
    }
    const seconds = (performance.now() - started) / 1000;
    for (const proxy of proxies) proxy.cutAfter(Number.POSITIVE_INFINITY, false);

    const lastOfA = await a.ask<number>('stop');
    const lastOfB = await b.ask<number>('stop');
    const atB = await b.reached(a, 's', lastOfA, 60_000);
    const atA = await a.reached(b, 's', lastOfB, 60_000);
    process.stdout.write(
      `${CUTS} cuts in ${seconds.toFixed(0)} s (seed ${SEED}): ${atA.count} + ${atB.count} messages, ` +
        `${a.ofKind('gap').length + b.ofKind('gap').length} gaps\n`,
    );
    for (const [node, entry, last] of [
      [a, atA, lastOfB],
      [b, atB, lastOfA],
    ] as const) {
      expect((await node.heard()).anomalies).toEqual([]);
      expect(entry).toMatchObject({ count: last, missed: 0 });
      expect(node.ofKind('gap')).toEqual([]);
      expect(node.ofKind('member.lost')).toEqual([]);
      expect(node.ofKind('member.up')).toHaveLength(1);
    }
  }, 600_000);
});
