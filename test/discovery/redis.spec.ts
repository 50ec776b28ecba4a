/** redis() on a Redis that is played by ioredis-mock; test/brokers has a real one. */
import { afterEach, describe, expect, it } from '@jest/globals';
import RedisMock from 'ioredis-mock';
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { redis, type RedisClient, type RedisDiscoveryOptions } from 'rookery/redis';
import { discoveryStrategyCases, patience, type StrategyContext, strategyContext } from 'rookery/testing';
import { leaseKeys } from '../../libs/redis/src/lease.js';

type Mock = InstanceType<typeof RedisMock>;

/** Mocks of one host share their data. */
let hosts = 0;
const mock = (): Mock => new RedisMock({ host: `mock-${++hosts}` });

const running: [DiscoveryStrategy, StrategyContext][] = [];
afterEach(async () => {
  // A client that never answers lets nobody withdraw.
  await Promise.allSettled(running.splice(0).map(async ([strategy, { self }]) => strategy.withdraw?.(self)));
});

interface Node {
  readonly strategy: DiscoveryStrategy;
  readonly context: StrategyContext;
}

let count = 0;

async function start(options: RedisDiscoveryOptions, self: Parameters<typeof strategyContext>[0] = {}): Promise<Node> {
  const number = ++count;
  const strategy = redis(options);
  const incarnation = number.toString(16).padStart(16, '0');
  const context = strategyContext({ incarnation, address: { host: '10.0.0.1', port: 4_000 + number }, ...self });
  running.push([strategy, context]);
  await strategy.start?.(context);
  return { strategy, context };
}

const announce = async ({ strategy, context }: Node): Promise<void> => strategy.announce?.(context.self, patience());
const ask = async ({ strategy }: Node): Promise<string[]> => textOf(await strategy.discover(patience()));
const textOf = (addresses: readonly PeerAddress[]): string[] => addresses.map(({ host, port }) => `${host}:${port}`);
const addressOf = ({ context }: Node): string => textOf([context.self.address])[0]!;
const { index, lease } = leaseKeys('rookery', 'test');

describe('redis()', () => {
  describe('with a client', () => {
    it.each(
      discoveryStrategyCases({
        open: async () => {
          const client = mock();
          return {
            strategy: () => redis({ client }),
            close: async () => {
              await client.quit();
            },
          };
        },
        announces: true,
      }),
    )('$name', ({ run }) => run());
  });

  it.each([
    [{}, ['client, url and options are all missing, give one of them']],
    [{ url: 'redis://localhost', options: {} }, ['url and options are given, of which only one can be used']],
    [{ url: 'http://:hunter2@localhost' }, ['url must be a URL that begins with redis:// or rediss://']],
    [{ client: { get: () => undefined } }, ['client must be a client with set, sadd']],
    [{ options: [] }, ['options must be the options of ioredis']],
    [
      { url: 'redis://localhost', pollInterval: 1, prefix: 'a{b}', leaseMs: 9_000, timeoutMs: 1 },
      [
        'pollInterval is not an option, did you mean',
        'prefix must be 1 to 64',
        'timeoutMs must be',
        'leaseMs must be at least twice',
      ],
    ],
  ])('refuses %j, and tells no password', (options, problems) => {
    expect(() => redis(options as RedisDiscoveryOptions)).toThrow(
      expect.objectContaining({
        code: 'DISCOVERY_INVALID_OPTIONS',
        problems: problems.map((problem) => expect.stringContaining(problem) as unknown),
        message: expect.not.stringContaining('hunter2') as unknown,
      }),
    );
  });

  it('writes a lease that Redis itself ends, and an index that outlives it', async () => {
    const client = mock();
    const one = await start({ client, leaseMs: 20_000 });
    await announce(one);
    const key = lease(one.context.self.incarnation);
    expect(await client.pttl(key)).toBeGreaterThan(19_000);
    expect(await client.pttl(key)).toBeLessThanOrEqual(20_000);
    expect(await client.pttl(index)).toBeGreaterThan(3_600_000);
    expect((await client.keys('*')).sort()).toEqual([key, index].sort());
    expect(key).not.toContain('test');
  });

  it('leaves nothing behind, and a given client open', async () => {
    const client = mock();
    const one = await start({ client });
    await announce(one);
    await one.strategy.withdraw?.(one.context.self);
    expect(await client.keys('*')).toEqual([]);
    expect(await client.ping()).toBe('PONG');
  });

  it('removes those from the index whose lease is over', async () => {
    const client = mock();
    const [one, other] = [await start({ client }), await start({ client })];
    await announce(one);
    await announce(other);
    await client.del(lease(other.context.self.incarnation));
    expect(await ask(one)).toEqual([addressOf(one)]);
    expect(await client.smembers(index)).toEqual([one.context.self.incarnation]);
    await announce(other);
    expect(await ask(one)).toEqual([addressOf(one), addressOf(other)]);
  });

  it('lists nobody for what somebody without the cookie wrote, and explains it', async () => {
    const client = mock();
    const one = await start({ client });
    const stranger = await start({ client }, { secret: 'another secret of the tests' });
    await announce(stranger);
    await client.sadd(index, 'x', '', 'f'.repeat(16), 'e'.repeat(16), 'd'.repeat(16));
    await client.set(lease('f'.repeat(16)), '{"host":"10.6.6.6","port":1,"signature":""}');
    await client.set(lease('e'.repeat(16)), '[');
    // A true entry, copied to where it does not belong.
    await announce(one);
    await client.set(lease('d'.repeat(16)), (await client.get(lease(one.context.self.incarnation)))!);
    expect(await ask(one)).toEqual([addressOf(one)]);
    expect(one.strategy.explain?.()).toMatch(/^Entries beside .* \(4\) are not signed with the cookie of this node/);
  });

  it('explains an empty answer', async () => {
    const one = await start({ client: mock() });
    expect(await ask(one)).toEqual([]);
    expect(one.strategy.explain?.()).toContain('need the same cluster name, the same prefix, and the same database');
  });

  it('lists a thousand nodes, and says that there are more', async () => {
    const client = mock();
    const one = await start({ client });
    await client.sadd(index, ...Array.from({ length: 1_200 }, (_, i) => i.toString(16).padStart(16, 'a')));
    await ask(one);
    expect(one.strategy.explain?.()).toMatch(/^More than 1000 nodes are in /);
  });

  it('announces the address by which it reaches Redis, if it listens on every one', async () => {
    const client = mock();
    const one = await start({ client }, { address: { host: '0.0.0.0', port: 4370 } });
    await expect(announce(one)).rejects.toMatchObject({
      code: 'DISCOVERY_REDIS_FAILED',
      message: expect.stringMatching(/listens on 0\.0\.0\.0.*give advertise\.host/),
    });
    Object.assign(client, { stream: { localAddress: '::ffff:10.0.0.9' } });
    await announce(one);
    expect(await ask(one)).toEqual(['10.0.0.9:4370']);
  });

  it('does not wait for a client that never answers, and does not ask it more and more', async () => {
    let asked = 0;
    const never = (): Promise<never> => {
      asked++;
      return new Promise(() => undefined);
    };
    const client: RedisClient = {
      ...{ set: never, sadd: never, srem: never, mget: never, pexpire: never, del: never },
      srandmember: never,
    };
    const one = await start({ client, timeoutMs: 50 });
    for (let i = 0; i < 4; i++) {
      await expect(ask(one)).rejects.toThrow(
        'Redis (the client that it was given) gave no answer: it did not answer within 50 ms',
      );
    }
    for (let i = 0; i < 4; i++) await expect(ask(one)).rejects.toThrow('the commands before have no answer yet');
    expect(asked).toBe(4);
  });

  it('tells what Redis refuses, and what to mend', async () => {
    const client = mock();
    Object.assign(client, {
      srandmember: () => Promise.reject(new Error('NOPERM this user has no permissions')),
      set: () => {
        throw new Error('READONLY a replica');
      },
    });
    const one = await start({ client });
    await expect(ask(one)).rejects.toMatchObject({
      code: 'DISCOVERY_REDIS_FAILED',
      message: expect.stringContaining('permit the keys of the prefix'),
    });
    await expect(announce(one)).rejects.toThrow('give the address of the primary');
  });

  it('serves one node, which must have been started', async () => {
    const options = { client: mock() };
    const one = await start(options);
    await expect(one.strategy.start?.(strategyContext())).rejects.toMatchObject({ code: 'DISCOVERY_IN_USE' });
    await expect(redis(options).discover(patience())).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
  });
});
