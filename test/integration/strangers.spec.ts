/** Strangers on the mesh port, and peers that must not be linked: that socket closes, and nothing else happens. */
import { createServer } from 'node:http';
import { type AddressInfo, connect as netConnect } from 'node:net';
import { once } from 'node:events';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { staticPeers } from 'rookery/discovery';
import { createMesh } from 'rookery/mesh';
import { closeAll, COOKIE, freePort, makeNode, pair, recordingLogger, startNode, until } from './support.js';

afterEach(() => closeAll());

async function poke(port: number, bytes: Buffer | string): Promise<void> {
  const socket = netConnect(port, '127.0.0.1');
  socket.on('error', () => socket.destroy());
  await once(socket, 'connect');
  socket.write(bytes);
  socket.resume();
  await once(socket, 'close');
}

describe('the mesh port', () => {
  it('closes garbage, HTTP requests and plain frames, links stay, and one line is logged', async () => {
    const logger = recordingLogger();
    const [a, b] = await pair({ logger });
    const port = a.self.address.port;
    await poke(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await poke(port, randomBytes(4_096));
    await poke(port, Buffer.from([0, 0, 0, 1, 1]));
    for (let i = 0; i < 20; i++) await poke(port, randomBytes(64));
    expect(logger.lines.filter((line) => /did not authenticate/.test(line))).toEqual([
      expect.stringMatching(/^warn Refused .*: a node with another cookie, .* while it connected \(.+\)\.$/),
    ]);
    expect(a.members().map(({ status }) => status)).toEqual(['up']);
    const got: unknown[] = [];
    b.subscribe('t', (payload) => got.push(payload));
    a.publish('t', 1);
    await until(() => got.length === 1, 'an event after all that');
    expect(b.freshness().fresh).toBe(true);
  });

  it('links nobody with another cookie, and both ends say what to do', async () => {
    const logger = recordingLogger();
    const port = await freePort();
    const a = await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const b = await startNode('b', [port], { cookie: 'another-6f1d1a1e0b7c', logger });
    expect(b.stats().discovery).toEqual([expect.objectContaining({ outcome: 'unauthenticated' })]);
    expect(logger.lines.some((line) => /warn Cannot link with .*same cookie/.test(line))).toBe(true);
    expect([a.members(), b.members()]).toEqual([[], []]);
    expect(logger.lines.join()).not.toContain('another-6f1d');
  });

  it('says once, at warning, that something else answers at an address that is listed', async () => {
    let dials = 0;
    const web = createServer((_request, response) => response.end('hello')).on('connection', () => dials++);
    await once(web.listen(0, '127.0.0.1').unref(), 'listening');
    const { port } = web.address() as AddressInfo;
    const logger = recordingLogger();
    const node = await startNode('a', [port], { logger });
    expect(node.stats().discovery).toEqual([expect.objectContaining({ outcome: 'foreign' })]);
    await until(() => dials === 2, 'a second dial', 15_000);
    await node.leave();
    expect(logger.lines.filter((line) => /^warn Cannot link/.test(line))).toEqual([
      expect.stringMatching(`127.0.0.1:${port}: .*something else than Rookery answers.*listen.port`),
    ]);
    web.close();
  }, 20_000);

  it('links nobody of another cluster, and says so once, with both names', async () => {
    const logger = recordingLogger();
    const port = await freePort();
    const a = await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const b = await startNode('b', [port], { cluster: 'other', logger });
    expect(b.stats().discovery).toEqual([expect.objectContaining({ outcome: 'cluster' })]);
    await until(
      () => logger.lines.filter((line) => /^debug .*belongs to cluster/.test(line)).length > 1,
      'a second dial',
      15_000,
    );
    expect(logger.lines.filter((line) => line.startsWith('warn'))).toEqual([
      `warn Cannot link with 127.0.0.1:${port}: it belongs to cluster 'default'. This node belongs to 'other'. ` +
        'Give both the same `cluster`, or take the address from the list.',
    ]);
    expect([a.members(), b.members()]).toEqual([[], []]);
    // It is proven that no peer is there: nothing is stale.
    expect(b.freshness().fresh).toBe(true);
  }, 20_000);

  it('is no peer of itself, under whatever name it is listed', async () => {
    const port = await freePort();
    const node = await startNode('a', [], {
      listen: { host: '127.0.0.1', port },
      discovery: staticPeers([
        { host: '127.0.0.1', port },
        { host: 'localhost', port },
        { host: '::ffff:127.0.0.1', port },
      ]),
    });
    expect(node.members()).toEqual([]);
    await until(() => node.freshness().fresh, 'freshness');
    expect(node.stats().links).toEqual([]);
  });
});

describe('starting', () => {
  it('fails with a coded error when the port is taken, and leaves nothing open', async () => {
    const a = await startNode('a', [await freePort()]);
    const b = makeNode('b', [1], { listen: { host: '127.0.0.1', port: a.self.address.port } });
    await expect(b.ready()).rejects.toMatchObject({
      code: 'CLUSTER_LISTEN_FAILED',
      message: expect.stringMatching(/EADDRINUSE.*listen\.port/) as never,
    });
    await b.leave();
  });

  it('fails aloud even where nobody awaits it and no logger was given', async () => {
    const a = await startNode('a', [await freePort()]);
    const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      const { port } = a.self.address;
      const b = createMesh({ cookie: COOKIE, listen: { host: '127.0.0.1', port }, discovery: staticPeers([]) });
      await until(
        () => write.mock.calls.some(([line]) => /ERROR \[rookery\].*EADDRINUSE/.test(String(line))),
        'a line',
      );
      await b.leave();
    } finally {
      write.mockRestore();
    }
  });

  it('is not held up by dead addresses', async () => {
    const port = await freePort();
    await startNode('a', [port], { listen: { host: '127.0.0.1', port } });
    const dead = await Promise.all(Array.from({ length: 5 }, () => freePort()));
    const b = await startNode('b', [...dead, port]);
    expect(b.members().map(({ name }) => name)).toEqual(['a']);
  });
});

describe('two nodes of one name', () => {
  it('are both members, with one warning', async () => {
    const logger = recordingLogger();
    const port = await freePort();
    const a = await startNode('a', [port], { listen: { host: '127.0.0.1', port }, logger });
    await startNode('twin', [port]);
    await startNode('twin', [port]);
    await until(() => a.members().length === 2, 'both twins');
    expect(new Set(a.members().map(({ incarnation }) => incarnation)).size).toBe(2);
    expect(logger.lines.filter((line) => /Several live nodes are called 'twin'/.test(line))).toHaveLength(1);
  });
});

it('the cookie is nowhere to be read in a node', async () => {
  const { inspect } = await import('node:util');
  const node = await startNode('a', [await freePort()]);
  const text =
    inspect(node, { depth: 12, showHidden: true }) + JSON.stringify(node.stats()) + JSON.stringify(node.self);
  expect(text).not.toContain(COOKIE);
});
