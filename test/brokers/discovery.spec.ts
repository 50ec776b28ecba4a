/** redis() on a real Redis: the suite of all strategies, servers that hang, end and come back, and processes that die. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { redis, type RedisDiscoveryOptions } from 'rookery/redis';
import { createMesh } from 'rookery/mesh';
import {
  type DiscoverySource,
  discoveryStrategyCases,
  patience,
  type StrategyContext,
  strategyContext,
} from 'rookery/testing';
import { freePort } from '../integration/support.js';
import { type Broker, describeWith, startBroker } from './broker.js';

const PROGRAM = 'redis-server';
/** Short, for a Redis that hangs is asked all the same. */
const TIMEOUT_MS = 300;

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

/** A Redis that can be made to fail. */
async function openRedis(
  how: 'hangs' | 'ends',
  make: (port: number) => RedisDiscoveryOptions,
): Promise<DiscoverySource> {
  const port = await freePort();
  let broker = await startBroker(PROGRAM, port);
  const options = make(port);
  return {
    strategy: () => redis({ timeoutMs: TIMEOUT_MS, ...options }),
    async fail() {
      if (how === 'hangs') broker.suspend();
      else await broker.stop();
    },
    async recover() {
      if (how === 'hangs') broker.resume();
      else broker = await startBroker(PROGRAM, port);
    },
    async close() {
      if (options.client instanceof Redis) options.client.disconnect();
      await broker.stop();
    },
  };
}

/** Asks until there is an answer; throws what it is told instead, when that takes too long. */
async function isBack(strategy: DiscoveryStrategy): Promise<void> {
  for (const deadline = performance.now() + 10_000; ; await delay(20)) {
    try {
      await strategy.discover(patience());
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

const url = (port: number): RedisDiscoveryOptions => ({ url: `redis://127.0.0.1:${port}` });
/** One for all nodes of a case, as those of one process may have it. */
const client = (port: number): RedisDiscoveryOptions => {
  const given = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 1, retryStrategy: () => 100 });
  given.on('error', () => undefined); // As an application would log it.
  return { client: given };
};

describeWith(PROGRAM, 'discovery by a Redis', () => {
  describe.each([
    ['that hangs, with a connection of its own', 'hangs', url],
    ['that ends and starts again, with a connection of its own', 'ends', url],
    ['that hangs, with the client of an application', 'hangs', client],
    ['that ends and starts again, with the client of an application', 'ends', client],
  ] as const)('%s', (_what, how, make) => {
    const cases = discoveryStrategyCases({
      open: async () => openRedis(how, make),
      announces: true,
      fails: true,
      patienceMs: 15_000,
    });
    it.each(cases)('$name', ({ run }) => run(), 30_000);
  });

  describe('redis()', () => {
    let broker: Broker;

    beforeEach(async () => {
      broker = await startBroker(PROGRAM, await freePort());
      ending.push(async () => broker.stop());
    });

    let count = 0;
    const start = async (
      options: Partial<RedisDiscoveryOptions> = {},
    ): Promise<[DiscoveryStrategy, StrategyContext]> => {
      const number = ++count;
      const strategy = redis({ ...url(broker.port), timeoutMs: TIMEOUT_MS, ...options });
      const incarnation = number.toString(16).padStart(16, '0');
      const context = strategyContext({ incarnation, address: { host: '10.0.0.1', port: 4_000 + number } });
      ending.push(async () => strategy.withdraw?.(context.self));
      await strategy.start?.(context);
      return [strategy, context];
    };
    const textOf = (peers: readonly PeerAddress[]): string[] => peers.map((peer) => `${peer.host}:${peer.port}`);

    it('forgets a process that was killed, when its lease is over', async () => {
      const leaseMs = 1_000;
      const child = fork('test/brokers/announcing-node.mjs', [String(broker.port), String(leaseMs)]);
      ending.push(() => child.kill('SIGKILL'));
      await once(child, 'message');
      const [strategy] = await start();
      expect(textOf(await strategy.discover(patience()))).toEqual(['10.0.0.13:4370']);
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
      const killedAt = performance.now();
      while ((await strategy.discover(patience())).length > 0) await delay(20);
      const tookMs = performance.now() - killedAt;
      process.stderr.write(
        `   a killed process was listed for ${tookMs.toFixed(0)} ms more; its lease is ${leaseMs} ms\n`,
      );
      expect(tookMs).toBeLessThan(leaseMs + 1_000);
      const look = new Redis(broker.port, '127.0.0.1');
      ending.push(() => look.disconnect());
      expect(await look.keys('*')).toEqual([]);
    }, 20_000);

    it('announces the address of its connection when the node listens on every one', async () => {
      const [strategy, context] = await start();
      await strategy.announce?.({ ...context.self, address: { host: '0.0.0.0', port: 4370 } }, patience());
      expect(textOf(await strategy.discover(patience()))).toEqual(['127.0.0.1:4370']);
    });

    it('has no more connections than nodes, and none once they left', async () => {
      const look = new Redis(broker.port, '127.0.0.1');
      ending.push(() => look.disconnect());
      const connections = async (): Promise<number> =>
        ((await look.client('LIST')) as string).trim().split('\n').length - 1;
      const nodes = [await start(), await start()];
      for (const [strategy, { self }] of nodes) await strategy.announce?.(self, patience());
      expect(await connections()).toBe(2);
      // It hangs for a few polls: what is given up is connected anew, and nothing is left over.
      broker.suspend();
      for (let i = 0; i < 3; i++) {
        await Promise.all(
          nodes.map(async ([strategy]) => expect(strategy.discover(patience())).rejects.toThrow('gave no answer')),
        );
      }
      broker.resume();
      for (const [strategy] of nodes) {
        for (let isBack = false; !isBack; await delay(20)) {
          isBack = await strategy.discover(patience()).then(
            () => true,
            () => false,
          );
        }
      }
      while ((await connections()) !== 2) await delay(20);
      for (const [strategy, { self }] of nodes) await strategy.withdraw?.(self);
      while ((await connections()) !== 0) await delay(20);
    }, 20_000);

    it('says what is wrong: nobody there, a password that is missing', async () => {
      const nobody = await freePort();
      const [lonely] = await start(url(nobody));
      await expect(lonely.discover(patience())).rejects.toMatchObject({
        code: 'DISCOVERY_REDIS_FAILED',
        message: expect.stringContaining(
          `Redis (127.0.0.1:${nobody}) gave no answer: nobody listens there (ECONNREFUSED)`,
        ),
      });
      const look = new Redis(broker.port, '127.0.0.1');
      ending.push(() => look.disconnect());
      await look.config('SET', 'requirepass', 'a password');
      const [stranger] = await start();
      await expect(stranger.discover(patience())).rejects.toThrow('give the right user and password');
      const [guest] = await start({ url: `redis://:a%20password@127.0.0.1:${broker.port}` });
      expect(await guest.discover(patience())).toEqual([]);
      const [guesser] = await start({ url: `redis://:hunter2@127.0.0.1:${broker.port}` });
      const failure: unknown = await guesser.discover(patience()).catch((error: unknown) => error);
      expect(String(failure)).toContain('give the right user and password');
      expect(String(failure)).not.toContain('hunter2');
      // Nor is it in what somebody may print of the errors of many polls at a time.
      const failures = await Promise.allSettled(Array.from({ length: 8 }, async () => guesser.discover(patience())));
      expect(inspect(failures, { depth: 10 })).toContain('the commands before have no answer yet');
      expect(inspect(failures, { depth: 10 })).not.toContain('hunter2');
    }, 20_000);

    it('says at every poll that Redis hangs, in words of its own', async () => {
      const [strategy, { self }] = await start();
      await strategy.announce?.(self, patience());
      broker.suspend();
      for (const poll of [strategy.announce?.bind(strategy, self), strategy.discover.bind(strategy)]) {
        await expect(poll!(patience())).rejects.toThrow(
          `it did not answer within ${TIMEOUT_MS} ms: look whether it is`,
        );
      }
      broker.resume();
      await isBack(strategy);
    }, 20_000);

    it('comes back to a Redis that was away, whatever the options say about retries', async () => {
      const { port } = broker;
      const [strategy, { self }] = await start({ url: undefined, options: { port, retryStrategy: () => null } });
      await strategy.announce?.(self, patience());
      await broker.stop();
      await expect(strategy.discover(patience())).rejects.toThrow('nobody listens there (ECONNREFUSED)');
      broker = await startBroker(PROGRAM, port);
      await isBack(strategy);
    }, 20_000);

    it('lets whole nodes find each other, which stay together while Redis is away', async () => {
      const nodes = ['one', 'other'].map((name) => {
        const discovery = redis({ ...url(broker.port), timeoutMs: TIMEOUT_MS, pollIntervalMs: 500 });
        const mesh = createMesh({
          name,
          cookie: 'b5a1c0ffee5e7aab90d21f00c0de4242',
          listen: { host: '127.0.0.1', port: 0 },
          discovery: [discovery],
        });
        ending.push(async () => mesh.leave());
        return mesh;
      });
      await Promise.all(nodes.map(async (node) => node.start()));
      const namesAt = (i: number): string[] =>
        nodes[i]!.members()
          .filter(({ status }) => status === 'up')
          .map(({ name }) => name);
      while (namesAt(0).length === 0 || namesAt(1).length === 0) await delay(20);
      const heard = new Promise((resolve) => nodes[1]!.subscribe('news', resolve));
      await broker.stop();
      // For three polls and their time limits.
      await delay(2_500);
      expect([namesAt(0), namesAt(1)]).toEqual([['other'], ['one']]);
      nodes[0]!.publish('news', 7);
      expect(await heard).toBe(7);
    }, 30_000);
  });
});
