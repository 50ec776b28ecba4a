/** A SIGTERM right behind a publication, many times, and a whole cluster restarted under load: nothing is lost. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { fixedPort, freePort, joined, NodeProcess, seed, wallMs } from '../processes/support/node-process.js';
import { size } from '../processes/support/size.js';

const FAREWELLS = size('FAREWELLS', 12, 200);
const ROLLING = size('ROLLING', 5, 10);
/** So many leave at the same time. */
const TOGETHER = 4;
const WORDS = 20;

afterEach(() => NodeProcess.endAll());

const median = (values: readonly number[]): number => [...values].sort((x, y) => x - y)[values.length >> 1]!;

describe('a node that publishes and gets a SIGTERM in the same turn', () => {
  it(
    `is heard to the end by everybody, ${FAREWELLS} times`,
    async () => {
      const port = await freePort();
      const peers = [
        await NodeProcess.start('a', seed(port), { listen: { host: '127.0.0.1', port } }),
        await NodeProcess.start('b', seed(port)),
      ] as const;
      await joined(peers);
      const exits: number[] = [];
      for (let n = 0; n < FAREWELLS; n += TOGETHER) {
        const leavers = await Promise.all(
          Array.from({ length: Math.min(TOGETHER, FAREWELLS - n) }, (_, i) =>
            NodeProcess.start(`leaver-${n + i}`, seed(port)),
          ),
        );
        await Promise.all(
          leavers.map(async (leaver) => {
            // The other leavers are members, too, and do not count.
            await leaver.until(async () => {
              const members = await leaver.ask<{ name: string; status: string }[]>('members');
              const up = members.filter(({ status }) => status === 'up').map(({ name }) => name);
              return peers.every(({ name }) => up.includes(name));
            }, 'both peers');
            const toldAt = wallMs();
            // The answer may not make it: the process is at its end.
            leaver.ask('lastWords', { stream: 'last', count: WORDS }).catch(() => undefined);
            expect(await leaver.ended(10_000)).toBe(0);
            exits.push(wallMs() - toldAt);
          }),
        );
        for (const peer of peers) {
          for (const leaver of leavers) {
            expect((await peer.event('member.left', leaver.name)).reason).toBe('goodbye');
            expect(await peer.stream(leaver, 'last')).toMatchObject({ count: WORDS, missed: 0 });
          }
        }
      }
      process.stdout.write(
        `${FAREWELLS} last words of ${WORDS} publications: all heard; the process ended ${median(exits).toFixed(0)} ms ` +
          `after its SIGTERM (median), ${Math.max(...exits).toFixed(0)} ms at most\n`,
      );
      for (const peer of peers) {
        for (const kind of ['gap', 'member.suspect', 'member.lost']) expect(peer.ofKind(kind)).toEqual([]);
        expect((await peer.heard()).anomalies).toEqual([]);
      }
    },
    60_000 + FAREWELLS * 3_000,
  );
});

describe('a rolling restart', () => {
  it(
    `of ${ROLLING} nodes under load, each at its name and port, loses nothing`,
    async () => {
      const ports = await Promise.all(Array.from({ length: ROLLING }, fixedPort));
      const start = async (i: number): Promise<NodeProcess> => {
        const node = await NodeProcess.start(`node-${i}`, seed(...ports), {
          listen: { host: '127.0.0.1', port: ports[i] },
        });
        await node.ask('loop', { stream: 's', everyMs: 5, perTick: 2 });
        return node;
      };
      const nodes = await Promise.all(ports.map((_, i) => start(i)));
      await joined(nodes);
      const all = [...nodes];
      /** Whoever is beside a node at its end must have all of it. */
      const owed: { from: NodeProcess; last: number; to: readonly NodeProcess[] }[] = [];
      const exits: number[] = [];
      const beganAt = wallMs();
      for (let i = 0; i < ROLLING; i++) {
        const old = nodes[i]!;
        const toldAt = wallMs();
        old.signal('SIGTERM');
        expect(await old.ended(10_000)).toBe(0);
        exits.push(wallMs() - toldAt);
        const { last } = await old.event('goodbye');
        owed.push({ from: old, last: last!, to: nodes.filter((node) => node !== old) });
        nodes[i] = await start(i);
        all.push(nodes[i]!);
        await joined(nodes);
      }
      for (const node of nodes) {
        const last = await node.ask<number>('stop');
        owed.push({ from: node, last, to: nodes.filter((other) => other !== node) });
      }
      let delivered = 0;
      for (const { from, last, to } of owed) {
        // Those that have ended meanwhile cannot be asked any more.
        for (const node of to.filter(({ isRunning }) => isRunning)) {
          const { first, count } = await node.reached(from, 's', last);
          // Who started after the sender did may begin in the middle; from there on nothing is missing.
          if (all.indexOf(node) < all.indexOf(from)) expect(first).toBe(1);
          expect([from.name, node.name, count]).toEqual([from.name, node.name, last - first + 1]);
          delivered += count;
        }
      }
      const seconds = (wallMs() - beganAt) / 1_000;
      process.stdout.write(
        `${ROLLING} nodes restarted one by one in ${seconds.toFixed(0)} s: ${delivered} deliveries, an exit took ` +
          `${median(exits).toFixed(0)} ms (median), ${Math.max(...exits).toFixed(0)} ms at most\n`,
      );
      for (const node of all) {
        expect(node.ofKind('gap').filter(({ reason }) => reason !== 'first-contact')).toEqual([]);
        expect(node.ofKind('member.lost')).toEqual([]);
        expect(node.ofKind('error')).toEqual([]);
      }
      for (const node of nodes) expect((await node.heard()).anomalies).toEqual([]);
    },
    60_000 + ROLLING * 10_000,
  );
});
