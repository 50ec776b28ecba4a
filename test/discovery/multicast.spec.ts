import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type DiscoveryStrategy,
  multicast,
  type MulticastOptions,
  type PeerAddress,
  uniqueAddresses,
} from 'rookery/discovery';
import { discoveryStrategyCases, patience, type StrategyContext, strategyContext } from 'rookery/testing';
import { isMessage, MulticastPackets } from '../../libs/discovery/src/strategies/multicast/multicast-packet.js';
import { Bystander, freeUdpPort } from './multicast-bystander.js';

const GROUP = '239.255.67.71';

let port: number;
const running: [DiscoveryStrategy, StrategyContext][] = [];
const bystanders: Bystander[] = [];

beforeEach(async () => {
  port = await freeUdpPort();
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(async ([strategy, { self }]) => strategy.withdraw?.(self)));
  await Promise.all(bystanders.splice(0).map(async (bystander) => bystander.leave()));
});

interface Node {
  readonly strategy: DiscoveryStrategy;
  readonly context: StrategyContext;
}

let count = 0;

function node(options: MulticastOptions = {}, self: Parameters<typeof strategyContext>[0] = {}): Node {
  const number = ++count;
  const strategy = multicast({ group: GROUP, port, interface: '127.0.0.1', pollIntervalMs: 100, ...options });
  const incarnation = number.toString(16).padStart(16, '0');
  const context = strategyContext({ incarnation, address: { host: '10.0.0.1', port: 4_000 + number }, ...self });
  running.push([strategy, context]);
  return { strategy, context };
}

async function start(...args: Parameters<typeof node>): Promise<Node> {
  const started = node(...args);
  await started.strategy.start?.(started.context);
  return started;
}

const join = async (): Promise<Bystander> => {
  const bystander = await Bystander.join(GROUP, port);
  bystanders.push(bystander);
  return bystander;
};

const ask = async ({ strategy }: Node): Promise<string[]> => textOf(await strategy.discover(patience()));
const textOf = (addresses: readonly PeerAddress[]): string[] =>
  uniqueAddresses(addresses).map((address) => `${address.host}:${address.port}`);
const addressOf = ({ context }: Node): string => textOf([context.self.address])[0]!;
const packetsOf = ({ context }: Node): MulticastPackets => new MulticastPackets(context.self.cluster, context);

/** Asks until the answer is as expected. */
async function becomes(asking: Node, expected: readonly string[], withinMs = 8_000): Promise<void> {
  for (const deadline = performance.now() + withinMs; ;) {
    const found = await ask(asking);
    if (JSON.stringify(found) === JSON.stringify(expected)) return;
    if (performance.now() > deadline) expect(found).toEqual(expected);
    await delay(20);
  }
}

describe('multicast()', () => {
  it.each(
    discoveryStrategyCases({
      open: async () => {
        const own = await freeUdpPort();
        return {
          strategy: () => multicast({ group: GROUP, port: own, interface: '127.0.0.1' }),
          close: () => Promise.resolve(),
        };
      },
      announces: true,
    }),
  )('$name', ({ run }) => run());

  it('lists the source of the answer for a node that listens on every address', async () => {
    const one = await start();
    // It must have asked once to be heard.
    await ask(await start({}, { address: { host: '0.0.0.0', port: 4370 } }));
    await becomes(one, ['127.0.0.1:4370']);
  });

  it('finds whoever is there at the first poll, and wakes the loop when somebody comes or leaves', async () => {
    const one = await start();
    expect(await ask(one)).toEqual([]);
    const heard = one.context.nextChange();
    const other = await start();
    expect(await ask(other)).toEqual([addressOf(one)]);
    await heard;
    await becomes(one, [addressOf(other)]);
    const left = one.context.nextChange();
    await other.strategy.withdraw?.(other.context.self);
    await left;
    expect(await ask(one)).toEqual([]);
  });

  it('forgets whoever does not answer any more', async () => {
    const one = await start();
    const peer = await join();
    const packets = packetsOf(one);
    const query = peer.next(one.context, 'query');
    const asked = ask(one);
    const { packet, port: to } = await query;
    const message = packets.decode(packet);
    if (!isMessage(message) || message.kind !== 'query') throw new Error('no question');
    const answer = { ...message, kind: 'answer', incarnation: 'f'.repeat(16), port: 7, host: 'gone' } as const;
    await peer.send(packets.encode(answer), to);
    expect(await asked).toEqual(['gone:7']);
    await becomes(one, []);
  });

  it('lists nobody for packets of another cookie, and says so once', async () => {
    const one = await start();
    const stranger = await start({}, { secret: 'another secret of the tests' });
    for (let i = 0; i < 3; i++) {
      expect(await ask(one)).toEqual([]);
      expect(await ask(stranger)).toEqual([]);
    }
    await one.context.nextLog('signed with another cookie');
    expect(one.context.logged.filter((line) => line.startsWith('warn: Heard 127.0.0.1'))).toHaveLength(1);
    expect(one.strategy.explain?.()).toContain('signed with another cookie: give every node the same cookie');
  });

  it('says that another cluster is heard when nobody of its own is', async () => {
    const one = await start();
    const other = await start({}, { cluster: 'another' });
    await ask(one);
    await ask(other);
    await becomes(one, []);
    expect(one.strategy.explain?.()).toMatch(
      /another cluster are heard.*Nobody answers at 239.255.67.71, UDP port \d+/,
    );
  });

  it('lists nobody for recorded packets', async () => {
    const eavesdropper = await join();
    const one = await start();
    const victim = await start();
    const query = eavesdropper.next(victim.context, 'query', 0);
    await ask(victim);
    await becomes(one, [addressOf(victim)]);
    const goodbye = eavesdropper.next(victim.context, 'goodbye', 0);
    await victim.strategy.withdraw?.(victim.context.self);
    const recorded = [
      (await query).packet,
      (await goodbye).packet,
      ...eavesdropper.inGroup.map(({ packet }) => packet),
    ];
    await becomes(one, []);
    // An answer to a question of before, as somebody on the way may have kept it.
    const packets = packetsOf(one);
    const old = { kind: 'answer', incarnation: victim.context.self.incarnation, nonce: '7'.repeat(32) } as const;
    recorded.push(packets.encode({ ...old, port: 6_666, host: undefined }));
    const fresh = eavesdropper.next(one.context, 'query');
    const asked = ask(one);
    const { port: to } = await fresh;
    for (const packet of recorded) {
      await eavesdropper.send(packet);
      await eavesdropper.send(packet, to);
    }
    expect(await asked).toEqual([]);
    // Whoever is there is found all the same.
    const other = await start();
    expect(await ask(other)).toEqual([addressOf(one)]);
    await becomes(one, [addressOf(other)]);
  });

  it('answers a question once, however often it is repeated', async () => {
    const eavesdropper = await join();
    const one = await start();
    await ask(one);
    const packets = packetsOf(one);
    const query = { kind: 'query', incarnation: 'e'.repeat(16) } as const;
    for (let i = 0; i < 20; i++) await eavesdropper.send(packets.encode({ ...query, nonce: '1'.repeat(32) }));
    // What comes behind it is answered, so what was before it has been looked at.
    await eavesdropper.send(packets.encode({ ...query, nonce: '2'.repeat(32) }));
    await eavesdropper.until(2);
    expect(eavesdropper.own.map((packet) => packet.toString('hex', 22, 38))).toEqual(['1'.repeat(32), '2'.repeat(32)]);
    expect(one.context.changes).toBeLessThanOrEqual(2);
    expect(await ask(one)).toEqual([]);
  });

  it('bears a flood: answers no more than so often, and still finds its peers', async () => {
    const flooder = await join();
    const one = await start();
    await ask(one);
    const packets = packetsOf(one);
    const startedAt = performance.now();
    for (let i = 0; i < 1_500; i++) {
      const nonce = i.toString(16).padStart(32, '0');
      // The kernel holds few packets: what it drops is no flood.
      if (i % 20 === 0) await delay(1);
      await flooder.send(packets.encode({ kind: 'query', incarnation: 'e'.repeat(16), nonce }), port);
      await flooder.send(packets.encode({ kind: 'query', incarnation: 'e'.repeat(16), nonce }));
    }
    await flooder.until(100);
    const other = await start();
    await becomes(other, [addressOf(one)]);
    await becomes(one, [addressOf(other)]);
    const tookMs = performance.now() - startedAt;
    expect(flooder.own.length).toBeLessThanOrEqual(200 + (200 * tookMs) / 1_000);
  });

  it('cannot be upset by any packet', async () => {
    const stranger = await join();
    const one = await start();
    const fresh = stranger.next(one.context, 'query', 0);
    await ask(one);
    const { packet, port: to } = await fresh;
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.alloc(328),
      Buffer.alloc(9_000),
      packet.subarray(0, 73),
    ]) {
      await stranger.send(bytes);
      await stranger.send(bytes, to);
    }
    const packets = packetsOf(one);
    const nonce = packet.toString('hex', 22, 38);
    for (const host of ['0.0.0.0', 'no host\n', ':::']) {
      await stranger.send(packets.encode({ kind: 'answer', incarnation: 'e'.repeat(16), nonce, port: 1, host }), to);
    }
    expect(await ask(one)).toEqual([]);
    const other = await start();
    await becomes(other, [addressOf(one)]);
    await becomes(one, [addressOf(other)]);
  });

  it('says so when the port is taken, and goes on when it is free', async () => {
    const squatter = createSocket('udp4');
    squatter.bind(port);
    await once(squatter, 'listening');
    const one = node();
    const failure = { code: 'DISCOVERY_MULTICAST_FAILED', message: expect.stringContaining('is taken by a program') };
    await expect(one.strategy.start?.(one.context)).rejects.toMatchObject(failure);
    await expect(ask(one)).rejects.toMatchObject(failure);
    const closed = once(squatter, 'close');
    squatter.close();
    await closed;
    for (let answer: string[] | undefined; answer === undefined; await delay(20)) {
      answer = await ask(one).catch(() => undefined); // not yet: it is tried at the pace of polls
    }
    const other = await start();
    await becomes(other, [addressOf(one)]);
  });

  it('does not know who is there without the interface that it shall use', async () => {
    const one = node({ interface: 'eth99' });
    const failure = {
      code: 'DISCOVERY_MULTICAST_FAILED',
      message: expect.stringMatching(/no interface eth99 with IPv4 is up.*up are: .*lo/),
    };
    await expect(one.strategy.start?.(one.context)).rejects.toMatchObject(failure);
    await expect(ask(one)).rejects.toMatchObject(failure);
  });

  it('serves one node, which must have been started', async () => {
    const one = await start();
    await expect(one.strategy.start?.(strategyContext())).rejects.toMatchObject({ code: 'DISCOVERY_IN_USE' });
    await expect(multicast().discover(patience())).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
  });
});
