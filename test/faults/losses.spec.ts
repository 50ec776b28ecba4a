/** Wires that lose packets: TCP mends it, and nobody is suspected before it takes far too long. */
import { afterEach, expect, it } from '@jest/globals';
import { describeWithNetworks, Network } from './support/network.js';
import {
  accusations,
  duration,
  endAll,
  expectAll,
  type FaultNode,
  pause,
  report,
  seconds,
  startNodes,
} from './support/nodes.js';

const LOSS_MS = duration(60_000, 20_000);
/** 500 messages a second. */
const RATE = { everyMs: 10, perTick: 5 };

afterEach(endAll);

describeWithNetworks('500 messages a second', () => {
  it.each([
    [5, 'and nobody is suspected', true],
    [20, '', false],
  ])(
    `all arrive while %i %% of all packets are lost %s`,
    async (percent, _promise, isQuiet) => {
      const network = await Network.start();
      const [a, b] = (await startNodes(network, ['a', 'b'])) as [FaultNode, FaultNode];
      await network.lose(percent / 100);
      for (const { node } of [a, b]) await node.ask('loop', { stream: 's', ...RATE, bytes: 200 });
      await pause(LOSS_MS);
      const [lastOfA, lastOfB] = [await a.node.ask<number>('stop'), await b.node.ask<number>('stop')];
      const said = [a, b].flatMap(({ node }) => accusations(node));
      await expectAll(b.node, a.node, 's', lastOfA);
      await expectAll(a.node, b.node, 's', lastOfB);
      report(
        `${percent} % lost for ${seconds(LOSS_MS)}: ${lastOfA} + ${lastOfB} messages, all arrived, ` +
          `${said.length} suspicions ${JSON.stringify(said.map(({ reason }) => reason))}`,
      );
      for (const { node } of [a, b]) {
        expect(node.ofKind('gap')).toEqual([]);
        expect(node.ofKind('member.lost')).toEqual([]);
        expect(node.ofKind('member.up')).toHaveLength(1);
      }
      if (isQuiet) expect(said).toEqual([]);
    },
    180_000,
  );
});
