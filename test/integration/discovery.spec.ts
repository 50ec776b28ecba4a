/** What a node does with strategies that answer badly, late, or never: they are other people's code. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { closeAll, freePort, makeNode, recordingLogger, startNode, until } from './support.js';

const servers: Server[] = [];
afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) server.close();
});

const never = (): Promise<never> => new Promise(() => undefined);
const strategy = (rest: Partial<DiscoveryStrategy>): DiscoveryStrategy => ({
  name: 'custom',
  pollIntervalMs: 50,
  discover: () => Promise.resolve([]),
  ...rest,
});

/** An address behind a getter that throws. */
function unreadable(): PeerAddress {
  return Object.defineProperty({ host: '', port: 1 }, 'host', {
    get() {
      throw Object.create(null);
    },
  });
}

/** An address that may be looked at once only. */
function readableOnce(): PeerAddress {
  let reads = 0;
  return Object.defineProperty({ host: '', port: 1 }, 'host', {
    get() {
      if (++reads > 1) throw new Error('read twice');
      return '127.0.0.1';
    },
  });
}

describe('a strategy', () => {
  it('that lists what cannot be dialled is told so once; the rest is used, and the node is not fresh meanwhile', async () => {
    const port = await freePort();
    await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const logger = recordingLogger();
    let rounds = 0;
    let isMended = false;
    const discover = (): Promise<PeerAddress[]> => {
      rounds++;
      if (isMended) return Promise.resolve([{ host: '127.0.0.1', port }]);
      const bad = [{ host: 'a\nb', port: '5' }, { host: 'x', port: 70_000 }, { host: '', port: 1 }, null, 'a:1'];
      const loud = [
        { host: 'a\u001b[2Jb', port: 1 },
        { host: 'a\n  ok  all is well', port: 1 },
      ];
      return Promise.resolve([...bad, ...loud, { host: '127.0.0.1', port }] as PeerAddress[]);
    };
    const b = await startNode('b', [], { logger, discovery: strategy({ discover }) });
    expect(b.members().map(({ name }) => name)).toEqual(['a']);
    await until(() => rounds > 3, 'some rounds');
    const warnings = logger.lines.filter((line) => /warn Discovery custom answered with/.test(line));
    expect(warnings).toEqual([expect.stringContaining("answered with { host: 'a\\nb', port: '5' }, which is not")]);
    expect(b.stats().discovery.map(({ address }) => address)).toEqual([`127.0.0.1:${port}`]);
    expect(b.freshness()).toEqual({
      fresh: false,
      reasons: [expect.stringMatching(/^unusable-address: discovery custom lists \{ host: 'a\\nb', port: '5' \}, /)],
    });
    isMended = true;
    await until(() => b.freshness().fresh, 'an answer that can be used');
  });

  it.each<[string, Partial<DiscoveryStrategy>]>([
    ['rejects with an object without prototype', { discover: () => Promise.reject(Object.create(null) as Error) }],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- that is the point
    ['rejects with what cannot be told', { discover: () => Promise.reject({ toString: 1 } as never) }],
    ['lists an address that cannot be read', { discover: () => Promise.resolve([unreadable()]) }],
    ['lists an address that can be read once', { discover: () => Promise.resolve([readableOnce()]) }],
    ['cannot withdraw', { withdraw: () => Promise.reject(Object.create(null) as Error) }],
  ])('that %s is asked again, and can be left', async (_what, rest) => {
    let asked = 0;
    const announce = (): Promise<void> => {
      asked++;
      return Promise.resolve();
    };
    const node = makeNode('a', [], { discovery: strategy({ pollIntervalMs: 10, announce, ...rest }) });
    await node.start();
    await until(() => asked > 3, 'further rounds');
    await expect(node.leave()).resolves.toBeUndefined();
  });

  it.each([[Number.NaN], [0], [-1], ['1000' as never], [Number.POSITIVE_INFINITY]])(
    'cannot be polled every %p ms',
    (pollIntervalMs) => {
      expect(() => makeNode('a', [], { discovery: strategy({ pollIntervalMs }) })).toThrow(
        /pollIntervalMs of custom must be/,
      );
    },
  );

  it('that answers with no list at all has failed', async () => {
    const logger = recordingLogger();
    const node = await startNode('a', [], {
      logger,
      discovery: strategy({ discover: () => Promise.resolve({} as never) }),
    });
    expect(logger.lines).toContainEqual(expect.stringMatching(/warn Discovery custom failed.*no list of addresses/));
    expect(node.freshness().fresh).toBe(false);
  });

  it('that never answered leaves the node ready but stale, until it does', async () => {
    let isUp = false;
    let failures = 0;
    const dead = { host: '127.0.0.1', port: await freePort() };
    const discover = (): Promise<PeerAddress[]> => {
      if (isUp) return Promise.resolve([dead]);
      failures++;
      return Promise.reject(new Error('down'));
    };
    const node = await startNode('a', [], { discovery: strategy({ discover }) });
    expect(node.freshness()).toEqual({
      fresh: false,
      reasons: [expect.stringMatching(/^no-discovery-answer: discovery custom /)],
    });
    isUp = true;
    await until(() => node.freshness().fresh, 'an answer');
    isUp = false;
    failures = 0;
    await until(() => failures > 1, 'an outage');
    // It takes nothing back: the last answer stays in force.
    expect(node.freshness().fresh).toBe(true);
    expect(node.stats().discovery).toEqual([expect.objectContaining({ strategies: ['custom'], outcome: 'refused' })]);
  });

  it('that lists an address which this host itself cannot dial leaves the node stale: that proves nothing about who is there', async () => {
    // A broadcast address: the kernel refuses the call, as it does when file descriptors run out.
    const discover = (): Promise<PeerAddress[]> => Promise.resolve([{ host: '255.255.255.255', port: 4370 }]);
    const node = await startNode('a', [], { discovery: strategy({ discover }) });
    await until(() => node.stats().discovery[0]?.outcome === 'unreachable', 'a dial');
    expect(node.freshness().reasons).toEqual([expect.stringMatching(/^unreached-address: 255\.255\.255\.255:4370/)]);
  });

  it('is waited for by everybody who asks whether the node is ready', async () => {
    const node = makeNode('a', [await freePort()], { limits: { readyTimeoutMs: 60_000 } });
    await Promise.all([node.ready(), node.ready(), node.ready()]);
  });

  it('that hangs holds up neither the others nor the goodbye', async () => {
    const port = await freePort();
    await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const good = strategy({ name: 'good', discover: () => Promise.resolve([{ host: '127.0.0.1', port }]) });
    const hanging = strategy({ name: 'hanging', announce: never, discover: never, withdraw: never });
    const b = makeNode('b', [], { discovery: [hanging, good] });
    await b.start();
    await until(() => b.members().length === 1, 'a member');
    expect(b.freshness().reasons).toEqual([expect.stringMatching(/^no-discovery-answer: discovery hanging /)]);
    const began = performance.now();
    await b.leave();
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});

describe('five nodes that start at the same moment', () => {
  it('never doubt each other over links that cross', async () => {
    const doubts: string[] = [];
    for (let round = 0; round < 10; round++) {
      const ports = await Promise.all(Array.from({ length: 5 }, () => freePort()));
      const nodes = ports.map((port, i) => makeNode(`n${i}`, ports, { listen: { host: '127.0.0.1', port } }));
      for (const node of nodes) {
        node.on('member.suspect', ({ member, reason }) => doubts.push(`${node.self.name} ${member.name}: ${reason}`));
      }
      await Promise.all(nodes.map((node) => node.start()));
      await until(() => nodes.every((node) => node.members('up').length === 4), 'a full mesh');
      await until(() => nodes.every((node) => node.stats().links.length === 4), 'one link each');
      await closeAll();
    }
    expect(doubts).toEqual([]);
  }, 60_000);
});

describe('a peer that is busy', () => {
  it('is given the time of a handshake once its host has answered: nobody dials it again and again', async () => {
    const busy = await startNode('busy', [await freePort()]);
    let connections = 0;
    // The kernel accepts at once; the process gets to it later than a dial to a dead host may take.
    const server = createServer((near) => {
      connections++;
      near.on('error', () => near.destroy());
      setTimeout(() => {
        const far = connect(busy.self.address.port, '127.0.0.1');
        far.on('error', () => near.destroy()).on('close', () => near.destroy());
        near.on('close', () => far.destroy());
        near.pipe(far).pipe(near);
      }, 2_300);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    const node = await startNode('a', [(server.address() as AddressInfo).port]);
    await until(() => node.members('up').length === 1, 'a member');
    expect(connections).toBe(1);
  }, 15_000);
});
