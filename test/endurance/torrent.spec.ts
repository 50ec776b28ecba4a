/** A great many messages between three nodes: each arrives once and in order, memory stays flat, and then there is quiet. */
import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort, joined, NodeProcess, seed } from '../processes/support/node-process.js';
import { expectIdle } from './support/idle.js';
import { size } from '../processes/support/size.js';

const MESSAGES = size('MESSAGES', 150_000, 1_000_000);
const QUIET_SECONDS = size('QUIET_SECONDS', 12, 600);
const THIRDS = 3;
/** So many of each node, and then the next when everybody has them: who is not given a processor for a second misses nothing. */
const CHUNK = 10_000;
/** Whatever is kept of a message would show: this is less than 20 bytes for each of a million. */
const GROWTH_BYTES = 12 * 1024 * 1024;

interface Memory {
  readonly rss: number;
  readonly heapUsed: number;
  readonly arrayBuffers: number;
}

const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

afterAll(() => NodeProcess.endAll());
const nodes: NodeProcess[] = [];

describe(`${MESSAGES} messages through three nodes`, () => {
  it('arrive once and in order, at 10 000 a second or more, and leave nothing in memory', async () => {
    const port = await freePort();
    // With a small window it is full at the first look already. A chunk always fits into it, however slow a process is.
    const limits = { windowBytes: 4 * 1024 * 1024, keptBytes: 1024 * 1024 };
    for (const name of ['a', 'b', 'c']) {
      const listen = { host: '127.0.0.1', port: name === 'a' ? port : 0 };
      nodes.push(await NodeProcess.start(name, seed(port), { listen, limits }));
    }
    await joined(nodes);
    const perNode = Math.ceil(MESSAGES / nodes.length / THIRDS);
    const memory: Memory[][] = [];
    let seconds = 0;
    for (let third = 0; third < THIRDS; third++) {
      const beganAt = performance.now();
      for (let done = 0; done < perNode; done += CHUNK) {
        const count = Math.min(CHUNK, perNode - done);
        const first = third * perNode + done + 1;
        await Promise.all(
          nodes.map((node) => node.ask('burst', { stream: 's', first, count, bytes: 40, isPaced: true })),
        );
        for (const from of nodes) for (const to of nodes) await to.reached(from, 's', first + count - 1, 120_000);
      }
      seconds += (performance.now() - beganAt) / 1_000;
      memory.push(await Promise.all(nodes.map((node) => node.ask<Memory>('memory'))));
    }
    const total = perNode * THIRDS * nodes.length;
    const rate = total / seconds;
    const [early, , late] = memory as [Memory[], Memory[], Memory[]];
    process.stdout.write(
      `${total} messages in ${seconds.toFixed(1)} s: ${rate.toFixed(0)}/s published, ` +
        `${(2 * rate).toFixed(0)}/s delivered to others; after a third and at the end, in MB: ` +
        nodes
          .map(({ name }, i) =>
            (['heapUsed', 'arrayBuffers', 'rss'] as const)
              .map((kind) => `${name} ${kind} ${mb(early[i]![kind])} -> ${mb(late[i]![kind])}`)
              .join(', '),
          )
          .join('; ') +
        '\n',
    );
    for (const to of nodes) {
      for (const from of nodes) {
        const expected = { first: 1, last: total / nodes.length, count: total / nodes.length, missed: 0 };
        expect(await to.stream(from, 's')).toMatchObject(expected);
      }
      expect((await to.heard()).anomalies).toEqual([]);
      expect(to.journal().sort()).toEqual(nodes.filter((other) => other !== to).map(({ name }) => `member.up ${name}`));
    }
    expect(rate).toBeGreaterThanOrEqual(10_000);
    for (const [i, { heapUsed, arrayBuffers }] of late.entries()) {
      expect(heapUsed + arrayBuffers - early[i]!.heapUsed - early[i]!.arrayBuffers).toBeLessThan(GROWTH_BYTES);
    }
  }, 600_000);

  it(
    `are followed by quiet: in ${QUIET_SECONDS} s no event, and at most 1 KB/s from each`,
    () => expectIdle(nodes, QUIET_SECONDS).then(() => undefined),
    60_000 + 2_000 * QUIET_SECONDS,
  );
});
