/** Addresses as discovery may list them: dead, foreign, one's own in every spelling, of both families, coming and going. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import { closeAll, COOKIE, freePort, makeNode, record, startNode, until } from './support.js';

const servers = new Set<Server>();
const sockets = new Set<Socket>();

afterEach(async () => {
  await closeAll();
  for (const server of servers) server.close();
  for (const socket of sockets) socket.destroy();
  servers.clear();
  sockets.clear();
});

/** Somebody else's service: what it receives, and when it was dialled. */
async function stranger(
  answer: (socket: Socket, chunk: Buffer) => void,
): Promise<{ address: PeerAddress; received: Buffer[]; dials: number[] }> {
  const received: Buffer[] = [];
  const dials: number[] = [];
  const server = createServer((socket) => {
    dials.push(performance.now());
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      answer(socket, chunk);
    });
  });
  servers.add(server);
  await once(server.listen(0, '127.0.0.1').unref(), 'listening');
  return { address: { host: '127.0.0.1', port: (server.address() as AddressInfo).port }, received, dials };
}

interface Proxy {
  /** Where the node listens, and where it is reached by way of the proxy. */
  readonly port: number;
  readonly address: PeerAddress;
  readonly sockets: Set<Socket>;
}

/** Carries bytes to a port, on connections that a test can cut. */
async function proxyBefore(port: number): Promise<Proxy> {
  const through = new Set<Socket>();
  const proxy = createServer((socket) => {
    const onward = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      through.add(one);
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        through.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  servers.add(proxy);
  await once(proxy.listen(0, '127.0.0.1').unref(), 'listening');
  return { port, address: { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port }, sockets: through };
}

/** A strategy whose answer a test sets. */
function listing(...addresses: PeerAddress[]): DiscoveryStrategy & { addresses: PeerAddress[] } {
  return {
    name: 'listing',
    pollIntervalMs: 20,
    addresses,
    discover() {
      return Promise.resolve(this.addresses);
    },
  };
}

const at = (port: number, host = '127.0.0.1'): PeerAddress => ({ host, port });

describe('a service of somebody else that is listed', () => {
  const services: [string, (socket: Socket) => void, string][] = [
    ['is silent', () => undefined, 'silent'],
    ['hangs up', (socket) => socket.destroy(), 'reset'],
    ['speaks HTTP', (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'), 'foreign'],
    ['sends garbage without end', (socket) => socket.write(Buffer.alloc(70_000, 0x41)), 'foreign'],
  ];

  it('is sent nothing but a greeting of TLS, and is not dialled again for 5 s, whatever it answers', async () => {
    const strangers = await Promise.all(services.map(([, answer]) => stranger(answer)));
    const addresses = strangers.map(({ address }) => address);
    const discovery = listing(...addresses);
    const node = await startNode('a-telling-name', [], { cluster: 'a-telling-cluster', discovery });
    const outcomes = (): string[] =>
      addresses.map(({ port }) => node.stats().discovery.find(({ address }) => address.endsWith(`:${port}`))!.outcome);
    await until(() => outcomes().join() === services.map(([, , outcome]) => outcome).join(), 'the outcomes');
    // Polls, and an answer without them in between, change nothing.
    discovery.addresses = [];
    await until(
      () => node.stats().discovery.every(({ strategies }) => strategies.length === 0),
      'an answer without them',
    );
    discovery.addresses = addresses;
    await until(() => node.stats().discovery.every(({ strategies }) => strategies.length === 1), 'an answer with them');
    await until(() => strangers.every(({ dials }) => dials.length > 1), 'a second dial of each', 20_000);
    for (const { dials, received } of strangers) {
      dials.forEach((dialledAt, i) => expect(dialledAt - (dials[i - 1] ?? -Infinity)).toBeGreaterThan(4_990));
      const bytes = Buffer.concat(received);
      // A ClientHello of TLS (RFC 8446): a record of type 22 that begins with a message of type 1.
      if (bytes.length > 0) expect([bytes[0], bytes[5]]).toEqual([22, 1]);
      for (const secret of ['a-telling', COOKIE, node.self.incarnation]) expect(bytes.includes(secret)).toBe(false);
      for (const secret of [COOKIE, node.self.incarnation]) {
        expect(bytes.includes(Buffer.from(secret, 'hex'))).toBe(false);
      }
    }
    expect(Buffer.concat(strangers[0]!.received).length).toBeGreaterThan(100);
  }, 40_000);

  it('of HTTPS is told from a node with another cookie', async () => {
    // What such a server answers to a greeting of ours: a fatal alert 120, no_application_protocol (RFC 7301).
    const { address } = await stranger((socket) => socket.write(Buffer.from([21, 3, 3, 0, 2, 2, 120])));
    const node = await startNode('a', [], { discovery: listing(address) });
    expect(node.stats().discovery).toEqual([
      expect.objectContaining({ outcome: 'foreign', mend: expect.stringContaining('listen.port') }),
    ]);
  });
});

describe('dead addresses', () => {
  it('that take connections and are silent do not hold up the one that lives', async () => {
    const dead = await Promise.all(Array.from({ length: 5 }, () => stranger(() => undefined)));
    const port = await freePort();
    await startNode('b', [], { listen: at(port) });
    const discovery = listing(...dead.map(({ address }) => address), at(port));
    const node = makeNode('a', [], { discovery });
    const { members } = record(node);
    await node.start();
    await until(() => members.length === 1, 'the one that lives');
    // Nobody waited for those to time out: none of them has.
    const outcomes = node.stats().discovery.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'dialling')).toHaveLength(5);
  });
});

describe('the own address', () => {
  it('in five spellings makes no member, and one link to a peer that has as many', async () => {
    const [own, other] = [await freePort(), await freePort()];
    const spellings = (port: number): PeerAddress[] =>
      ['127.0.0.1', 'localhost', '::ffff:127.0.0.1', '[::ffff:7f00:1]', 'LOCALHOST.', '0:0:0:0:0:ffff:127.0.0.1'].map(
        (host) => ({ host, port }),
      );
    const discovery = () => listing(...spellings(own), ...spellings(other));
    const a = await startNode('a', [], { listen: at(own), discovery: discovery() });
    const b = await startNode('b', [], { listen: at(other), discovery: discovery() });
    const events = [record(a), record(b)];
    await until(() => a.members().length === 1 && b.members().length === 1, 'each other');
    await until(() => a.freshness().fresh && b.freshness().fresh, 'freshness');
    for (const node of [a, b]) {
      expect(node.members().map(({ name }) => name)).toEqual([node === a ? 'b' : 'a']);
      expect(node.stats().links).toHaveLength(1);
    }
    expect(events.flatMap(({ members }) => members).filter((event) => !event.startsWith('up'))).toEqual([]);
  });
});

describe('IPv6', () => {
  it('alone is enough', async () => {
    const port = await freePort();
    const a = await startNode('a', [], { listen: at(port, '::1'), discovery: listing(at(port, '::1')) });
    const b = await startNode('b', [], { listen: at(0, '::1'), discovery: listing(at(port, '[::1]')) });
    const c = await startNode('c', [], { listen: at(0, '::1'), discovery: listing(at(port, '0:0:0:0:0:0:0:1')) });
    await until(() => [a, b, c].every((node) => node.members().length === 2), 'three members');
    for (const node of [a, b, c]) {
      for (const { remoteAddress } of node.stats().links) expect(remoteAddress).toMatch(/^\[::1\]:\d+$/);
    }
  });

  it('and IPv4 of one node make one member and one link', async () => {
    const [own, other] = [await freePort(), await freePort()];
    const listed = [at(own), at(own, '::1'), at(other), at(other, '::1')];
    const a = await startNode('a', [], { listen: at(own, '::'), discovery: listing(...listed) });
    const b = await startNode('b', [], { listen: at(other, '::'), discovery: listing(...listed) });
    await until(() => a.members().length === 1 && b.members().length === 1, 'each other');
    await until(() => a.freshness().fresh && b.freshness().fresh, 'freshness');
    expect([a.stats().links.length, b.stats().links.length]).toEqual([1, 1]);
  });
});

describe('a list that never changes', () => {
  it('is dialled again at once when a link is cut, without waiting for a poll', async () => {
    // Either end may dial again, so both are reached by way of what is cut.
    const [own, other] = [await proxyBefore(await freePort()), await proxyBefore(await freePort())];
    const place = ({ port, address }: Proxy) => ({ listen: at(port), advertise: address });
    await startNode('b', [], place(other));
    const discovery = { ...listing(other.address), pollIntervalMs: 3_600_000 };
    const node = await startNode('a', [], { ...place(own), discovery });
    const { members } = record(node);
    for (let cut = 1; cut <= 5; cut++) {
      for (const { sockets: through } of [own, other]) for (const socket of through) socket.resetAndDestroy();
      await until(() => members.length >= cut, 'the cut is noticed');
      await until(() => node.stats().links.length === 1 && node.members()[0]?.status === 'up', 'a new link');
    }
    expect(members.every((event) => event.startsWith('suspect'))).toBe(true);
  });
});

describe('a list that flaps between subsets', () => {
  it('drops no link, and nobody becomes suspect', async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const peers = await Promise.all(ports.map((port, i) => startNode(`p${i}`, [], { listen: at(port) })));
    const discovery = listing(...ports.map((port) => at(port)));
    const node = await startNode('a', [], { discovery });
    await until(() => node.members().length === 3, 'three members');
    const { members, gaps } = record(node);
    const links = node.stats().links.map(({ remoteAddress }) => remoteAddress);
    for (const subset of [[0], [1, 2], [], [2], [0, 1, 2], [1]]) {
      const addresses = subset.map((index) => at(ports[index]!));
      discovery.addresses = addresses;
      await until(
        () => node.stats().strategies[0]!.addresses.length === addresses.length,
        `an answer of ${addresses.length}`,
      );
    }
    expect([members, gaps]).toEqual([[], []]);
    expect(node.stats().links.map(({ remoteAddress }) => remoteAddress)).toEqual(links);
    expect(peers.map((peer) => peer.members().length)).toEqual([3, 3, 3]);
  });
});

describe('several strategies', () => {
  it('are told apart in stats and in the log, even with one name, and an address names all that list it', async () => {
    const port = await freePort();
    const answer = listing(at(port));
    const failing: DiscoveryStrategy = {
      name: 'listing',
      discover: () => Promise.reject(new Error('the source is away')),
      explain: () => 'It was moved.',
    };
    const lines: string[] = [];
    const log = (message: string): void => void lines.push(message);
    const logger = { debug: log, info: log, warn: log, error: log };
    const node = await startNode('a', [], { discovery: [answer, failing, { ...answer, name: 'other' }], logger });
    await until(() => node.stats().discovery[0]?.attempts !== 0, 'a dial');
    const { strategies, discovery } = node.stats();
    expect(strategies).toEqual([
      expect.objectContaining({
        name: 'listing',
        state: 'answered',
        addresses: [`127.0.0.1:${port}`],
        failure: undefined,
      }),
      {
        name: 'listing-2',
        state: 'failed',
        addresses: [],
        answeredMsAgo: undefined,
        failure: 'the source is away',
        note: 'It was moved.',
      },
      expect.objectContaining({ name: 'other', state: 'answered' }),
    ]);
    expect(discovery).toEqual([
      expect.objectContaining({
        address: `127.0.0.1:${port}`,
        strategies: ['listing', 'other'],
        outcome: 'refused',
        detail: 'ECONNREFUSED',
        mend: expect.stringContaining('Nobody listens there'),
      }),
    ]);
    expect(lines).toContainEqual(expect.stringMatching(/^Discovery listing-2 failed.*the source is away/));
    expect(node.freshness().reasons[0]).toContain('discovery listing-2 has not answered');
  });
});
