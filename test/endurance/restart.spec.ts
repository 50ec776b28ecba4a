/** A node that dies and is back at once under its old name and address is another one: nothing of the two is mixed up. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { fixedPort, freePort, joined, NodeProcess, seed, wallMs } from '../processes/support/node-process.js';
import { size } from '../processes/support/size.js';

const RESTARTS = size('RESTARTS', 8, 50);
const NAMESAKE_SECONDS = size('NAMESAKE_SECONDS', 5, 60);

afterEach(() => NodeProcess.endAll());

const publishing = { stream: 's', everyMs: 2, perTick: 2 };

describe('a node that is killed and started again under its name and port', () => {
  it(
    `is lost and another one is up, ${RESTARTS} times, and what each of them said stays its own`,
    async () => {
      const [port, portOfMortal] = [await fixedPort(), await fixedPort()];
      const witness = await NodeProcess.start('witness', seed(port), { listen: { host: '127.0.0.1', port } });
      const sleeper = await NodeProcess.start('sleeper', seed(port));
      const listen = { host: '127.0.0.1', port: portOfMortal };
      let mortal = await NodeProcess.start('mortal', seed(port), { listen });
      const away: number[] = [];
      for (let n = 1; n <= RESTARTS; n++) {
        await joined([witness, sleeper, mortal]);
        await mortal.ask('loop', publishing);
        for (const node of [witness, sleeper]) {
          await node.until(async () => ((await node.stream(mortal, 's'))?.count ?? 0) > 0, 'something of it');
        }
        const successor = await NodeProcess.spawn('mortal');
        // Every other time one of the two hears of the death only when the successor is there already.
        const isAsleep = n % 2 === 0;
        if (isAsleep) sleeper.signal('SIGSTOP');
        const killedAt = wallMs();
        await mortal.end('SIGKILL');
        const opened = successor.open(seed(port), { listen });
        await successor.until(() => successor.ofKind('listening').length === 1, 'it listens');
        away.push(successor.ofKind('listening')[0]!.at - killedAt);
        if (isAsleep) sleeper.signal('SIGCONT');
        await opened;
        await joined([witness, sleeper, successor]);
        for (const node of [witness, sleeper]) {
          const about = (who: NodeProcess): string[] =>
            node.events
              .filter(({ incarnation, event }) => incarnation === who.incarnation && event !== 'member.suspect')
              .map(({ event, reason }) => (event === 'gap' ? `gap ${reason}` : event));
          await node.until(() => about(mortal).length === 3, 'the loss of the old one');
          expect([n, ...about(mortal)]).toEqual([n, 'member.up', 'gap origin-lost', 'member.lost']);
          expect([n, ...about(successor)]).toEqual([n, 'member.up']);
          expect((await node.heard()).anomalies).toEqual([]);
          // Nothing of the survivors to each other.
          expect(node.ofKind('member.suspect').filter(({ name }) => name !== 'mortal')).toEqual([]);
        }
        mortal = successor;
      }
      const superseded = [witness, sleeper].flatMap((node) =>
        node.ofKind('member.lost').filter(({ reason }) => /listens at its address now/.test(reason!)),
      );
      away.sort((x, y) => x - y);
      process.stdout.write(
        `${RESTARTS} restarts: it listened again after ${away[away.length >> 1]!.toFixed(0)} ms ` +
          `(median), ${away.at(-1)!.toFixed(0)} ms at most; ${superseded.length} of ` +
          `${2 * RESTARTS} losses were known by the successor\n`,
      );
    },
    60_000 + RESTARTS * 5_000,
  );
});

describe('two live nodes of one name', () => {
  it(
    `are both members, with one warning, and nothing else happens in ${NAMESAKE_SECONDS} s`,
    async () => {
      const port = await freePort();
      const a = await NodeProcess.start('a', seed(port), { listen: { host: '127.0.0.1', port } });
      const twins = [await NodeProcess.start('twin', seed(port)), await NodeProcess.start('twin', seed(port))] as const;
      await joined([a, ...twins]);
      for (const twin of twins) await twin.ask('loop', publishing);
      await delay(NAMESAKE_SECONDS * 1_000);
      for (const twin of twins) {
        const last = await twin.ask<number>('stop');
        expect(await a.reached(twin, 's', last)).toMatchObject({ count: last, missed: 0 });
      }
      expect(a.journal()).toEqual(['member.up twin', 'member.up twin']);
      for (const twin of twins) expect(twin.journal().sort()).toEqual(['member.up a', 'member.up twin']);
      for (const node of [a, ...twins]) {
        expect((await node.heard()).anomalies).toEqual([]);
        expect((await node.ask<string[]>('log')).filter((line) => /called 'twin'/.test(line))).toHaveLength(1);
      }
    },
    60_000 + NAMESAKE_SECONDS * 1_000,
  );
});
