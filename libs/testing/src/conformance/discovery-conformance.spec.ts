/** The suite passes a strategy that keeps the contract, and each of its cases fails one that breaks it. */
import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type DiscoverySelf, type DiscoveryStrategy, type PeerAddress, uniqueAddresses } from 'rookery/discovery';
import { type DiscoverySource, discoveryStrategyCases } from './discovery-conformance.js';

/** A registry in memory: what is listed, who announced, and whether it can be asked. */
interface Registry {
  listed: readonly PeerAddress[];
  readonly announced: Map<string, DiscoverySelf>;
  isDown: boolean;
}

const opened = new Set<Server>();

afterEach(() => {
  for (const server of opened) server.close();
  opened.clear();
});

function good(registry: Registry): DiscoveryStrategy {
  let cluster = '';
  return {
    name: 'registry',
    start: (context) => void ({ cluster } = context.self),
    async discover(signal) {
      await Promise.resolve();
      signal.throwIfAborted();
      if (registry.isDown) throw new Error('the registry cannot be asked');
      const announced = [...registry.announced.values()].filter((self) => self.cluster === cluster);
      return uniqueAddresses([...registry.listed, ...announced.map(({ address }) => address)]);
    },
    announce(self) {
      if (registry.isDown) return Promise.reject(new Error('the registry cannot be told'));
      registry.announced.set(self.incarnation, self);
      return Promise.resolve();
    },
    withdraw(self) {
      registry.announced.delete(self.incarnation);
      return Promise.resolve();
    },
  };
}

function casesOf(make: (registry: Registry, good: DiscoveryStrategy) => DiscoveryStrategy) {
  const open = (): Promise<DiscoverySource> => {
    const registry: Registry = { listed: [], announced: new Map(), isDown: false };
    return Promise.resolve({
      strategy: () => make(registry, good(registry)),
      list: (addresses) => {
        registry.listed = addresses;
        return Promise.resolve();
      },
      fail: () => {
        registry.isDown = true;
        return Promise.resolve();
      },
      recover: () => {
        registry.isDown = false;
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  };
  return discoveryStrategyCases({ open, lists: true, announces: true, fails: true, patienceMs: 200 });
}

describe('discoveryStrategyCases()', () => {
  it.each(casesOf((_registry, strategy) => strategy))('passes a strategy that keeps the contract: $name', ({ run }) =>
    run(),
  );

  const never = (): Promise<never> => new Promise(() => undefined);
  const broken: [string, (registry: Registry, strategy: DiscoveryStrategy) => DiscoveryStrategy][] = [
    ['has a name', (_r, s) => ({ ...s, name: 'two\nlines' })],
    [
      'answers nobody while nobody is there',
      (r, s) => ({
        ...s,
        discover: (x) => (r.listed.length === 0 ? Promise.reject(new Error('empty')) : s.discover(x)),
      }),
    ],
    [
      'rejects with the reason of a signal',
      (_r, s) => ({ ...s, discover: () => s.discover(new AbortController().signal) }),
    ],
    [
      'lets go when its signal',
      (_r, s) => ({ ...s, discover: async (x) => (await s.discover(x).catch(never)) as never }),
    ],
    [
      'answers two polls that overlap',
      (_r, s) => {
        let running = 0;
        return {
          ...s,
          async discover(x) {
            const isSecond = running++ > 0;
            const found = await s.discover(x);
            running--;
            return isSecond ? [{ host: '192.0.2.99', port: 1 }] : found;
          },
        };
      },
    ],
    [
      'gives answers that are the caller',
      (r, s) => {
        const shared: PeerAddress[] = [];
        return {
          ...s,
          async discover(x) {
            await s.discover(x);
            if (shared.length === 0 && r.listed !== (shared as unknown)) shared.push(...r.listed);
            r.listed = shared;
            return shared;
          },
        };
      },
    ],
    [
      'may be withdrawn twice',
      (_r, s) => {
        let isDone = false;
        return {
          ...s,
          withdraw: (self) => (isDone ? Promise.reject(new Error('twice')) : ((isDone = true), s.withdraw!(self))),
        };
      },
    ],
    [
      'holds nothing open',
      (_r, s) => ({
        ...s,
        start: (context) => {
          opened.add(createServer().listen(0, '127.0.0.1'));
          return s.start?.(context);
        },
      }),
    ],
    ['says what it has to explain', (_r, s) => ({ ...s, explain: () => 7 as never })],
    [
      'answers who is listed, each address once',
      (r, s) => ({ ...s, discover: async (x) => [...(await s.discover(x)), ...r.listed] }),
    ],
    [
      'follows the list',
      (_r, s) => {
        let first: readonly PeerAddress[] | undefined;
        return { ...s, discover: async (x) => (first ??= await s.discover(x)) };
      },
    ],
    [
      'gives the same answer for the same list',
      (r, s) => ({
        ...s,
        discover: async (x) => (await s.discover(x), [...new Map(r.listed.map((a) => [a.host, a])).values()]),
      }),
    ],
    ['lets nodes that announce', (_r, s) => ({ ...s, announce: () => Promise.resolve() })],
    [
      'keeps clusters of other names apart',
      (r, s) => ({
        ...s,
        discover: async (x) => (await s.discover(x), [...r.announced.values()].map(({ address }) => address)),
      }),
    ],
    ['lists nobody any more who withdrew', (_r, s) => ({ ...s, withdraw: () => Promise.resolve() })],
    [
      'never takes a source that cannot be asked',
      (r, s) => ({ ...s, discover: (x) => (r.isDown ? Promise.resolve([]) : s.discover(x)) }),
    ],
    [
      'starts while its source cannot be asked',
      (r, s) => {
        let isBroken = false;
        return {
          ...s,
          start: (context) => {
            isBroken = r.isDown;
            return s.start?.(context);
          },
          discover: (x) => (isBroken ? Promise.reject(new Error('never again')) : s.discover(x)),
        };
      },
    ],
  ];

  it.each(broken)('fails one that does not: %s', async (name, make) => {
    const found = casesOf(make).find((each) => each.name.startsWith(name))!;
    await expect(found.run()).rejects.toThrow();
  });

  it('fails one whose timer would keep a process alive', async () => {
    const timers: NodeJS.Timeout[] = [];
    const found = casesOf((_registry, strategy) => ({
      ...strategy,
      start: (context) => (timers.push(setInterval(() => undefined, 60_000)), strategy.start?.(context)),
    })).find(({ name }) => name.startsWith('holds nothing open'))!;
    try {
      await expect(found.run()).rejects.toThrow(/more of Timeout are open/);
    } finally {
      for (const timer of timers) clearInterval(timer);
    }
  });

  it('ends, and releases the source, although a method of the strategy never does', async () => {
    let closed = 0;
    const stuck = (['start', 'announce', 'withdraw'] as const).map((method) => {
      const open = (): Promise<DiscoverySource> =>
        Promise.resolve({
          strategy: () => ({ name: 'stuck', discover: () => Promise.resolve([]), [method]: never }),
          close: () => Promise.resolve(void closed++),
        });
      return discoveryStrategyCases({ open }).find(({ name }) => name.startsWith('may be withdrawn twice'))!;
    });
    await Promise.all(stuck.map(({ run }) => expect(run()).rejects.toThrow(/not settled within/)));
    expect(closed).toBe(3);
  }, 30_000);

  it('has a broken strategy for each of its cases', () => {
    for (const { name } of casesOf((_registry, strategy) => strategy)) {
      expect([name, broken.filter(([start]) => name.startsWith(start)).length]).toEqual([name, 1]);
    }
  });
});
