/** Two nodes that dial each other at the same moment, again and again: one link, one `up` each, every time. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { randomFrom } from '../processes/support/random.js';
import { fixedPort, NodeProcess, type Stats, until, wallMs } from '../processes/support/node-process.js';
import { size } from '../processes/support/size.js';

const ROUNDS = size('ROUNDS', 40, 500);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** The dials are at most so far apart: a handshake takes about as long. */
const SPREAD_MS = 4;

afterEach(() => NodeProcess.endAll());

describe('two nodes that dial each other at the same moment', () => {
  it(
    `end with one link and one up each in ${ROUNDS} rounds (SEED=${SEED})`,
    async () => {
      const random = randomFrom(SEED);
      // The processes keep running; each round is a mesh of its own, at the same two addresses.
      const nodes = [await NodeProcess.spawn('a'), await NodeProcess.spawn('b')] as const;
      const addresses = [
        { host: '127.0.0.1', port: await fixedPort() },
        { host: '127.0.0.1', port: await fixedPort() },
      ] as const;
      let crossed = 0;
      let slowestMs = 0;
      const beganAt = wallMs();
      for (let round = 1; round <= ROUNDS; round++) {
        for (const node of nodes) node.events.length = 0;
        const opened = nodes.map((node, i) => node.open([['gated']], { listen: addresses[i] }));
        await until(() => nodes.every((node) => node.ofKind('listening').length === 1), 'both listen');
        const at = wallMs() + 20;
        await Promise.all(
          nodes.map((node, i) =>
            node.ask('openGate', { at: at + random() * SPREAD_MS, addresses: [addresses[1 - i]!] }),
          ),
        );
        await Promise.all(opened);
        // The link that lost is closed, and only one connection is left.
        await until(
          async () => (await Promise.all(nodes.map((node) => node.ask<number>('connections')))).join() === '1,1',
          `round ${round}: one connection`,
        );
        for (const [i, node] of nodes.entries()) {
          const other = nodes[1 - i]!;
          await node.ask('burst', { stream: `round ${round}`, count: 10, bytes: 0, isPaced: false });
          expect(await other.reached(node, `round ${round}`, 10)).toMatchObject({ count: 10, missed: 0 });
          const { links } = await node.ask<Stats>('stats');
          expect(links.map(({ member }) => member.incarnation)).toEqual([other.incarnation]);
          expect([round, ...node.journal()]).toEqual([round, `member.up ${other.name}`]);
          slowestMs = Math.max(slowestMs, node.ofKind('member.up')[0]!.at - at);
        }
        const losers = await Promise.all(nodes.map((node) => node.ask<number>('crossed')));
        if (losers.some((count) => count > 0)) crossed++;
        for (const [i, node] of nodes.entries()) {
          const other = nodes[1 - i]!;
          await node.ask('leave');
          if (i === 0) await other.event('member.left', node.name);
          const end = i === 0 ? ['member.left a'] : [];
          expect([round, ...other.journal()]).toEqual([round, `member.up ${node.name}`, ...end]);
        }
      }
      process.stdout.write(
        `${ROUNDS} simultaneous dials in ${((wallMs() - beganAt) / 1_000).toFixed(0)} s (seed ${SEED}): ` +
          `the links crossed in ${crossed}, up ${slowestMs.toFixed(0)} ms after the dial at the latest\n`,
      );
      for (const node of nodes) expect((await node.heard()).anomalies).toEqual([]);
      // Otherwise this shows nothing.
      expect(crossed).toBeGreaterThan(ROUNDS / 10);
    },
    60_000 + ROUNDS * 3_000,
  );
});
