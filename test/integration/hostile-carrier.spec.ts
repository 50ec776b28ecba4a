/**
 * What an authenticated peer can do with RELAY that keeps to no rule: as the origin, as the carrier, and as the one who
 * it is for. It may harm its own link, and nobody else's.
 */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { MeshNode } from 'rookery/mesh';
import { encode } from '../../libs/mesh/src/codec/encode.js';
import {
  FRAME_BYE,
  FRAME_CONFIRM,
  FRAME_GAP,
  FRAME_HELLO,
  FRAME_PONG,
  FRAME_REJECT,
  FRAME_RELAY,
  FRAME_SKIP,
  FRAME_START,
} from '../../libs/mesh/src/protocol/frame.js';
import { FakePeer, frame, numbers, publication, publicationOf, relay, serves, view } from './fake-peer.js';
import { closeAll, freePort, startNode, until } from './support.js';

const ORIGIN = 'eeeeeeeeeeeeeeee';
const CARRIER = 'ffffffffffffffff';
const MAX = Number.MAX_SAFE_INTEGER;

const peers: FakePeer[] = [];
/** Where somebody listens and never answers: the origin, if it is there, is neither linked nor proven to be gone. */
let silent: Server;
let silentPort: number;
const silentSockets = new Set<Socket>();

beforeEach(async () => {
  silent = createServer((socket) => {
    silentSockets.add(socket);
    socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  silentPort = (silent.address() as AddressInfo).port;
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await closeAll();
  for (const socket of silentSockets) socket.destroy();
  silentSockets.clear();
  silent.close();
});

async function linked(node: MeshNode, incarnation: string, rest: Record<string, unknown> = {}): Promise<FakePeer> {
  const peer = await FakePeer.connect(node.self.address.port, { incarnation });
  peers.push(peer);
  const port = incarnation === ORIGIN ? silentPort : 1;
  await peer.shakeHands(node.self.incarnation, { port, name: incarnation.slice(0, 2), ...rest });
  peer.write(numbers(FRAME_START, 1), serves());
  await until(() => node.members('up').some((member) => member.incarnation === incarnation), 'a link');
  return peer;
}

/** What a node's sockets hold is told to nobody else. */
function boundLinks(node: MeshNode): Iterable<{ readonly connection: { readonly bufferedBytes: number } }> {
  const { mesh } = node as unknown as { mesh: { bound: ReturnType<typeof boundLinks> } };
  return mesh.bound;
}

const member = (incarnation: string) => ({
  incarnation,
  name: incarnation.slice(0, 2),
  host: '127.0.0.1',
  port: silentPort,
  metadata: {},
  ageMs: 1_000,
});

const beat = (head: number, ack: number): Buffer => numbers(FRAME_PONG, 0, head, ack, 1_000, 0, 1, 0);

/** What became known of the origin, beside what was made up about the carrier. */
function watch(node: MeshNode): unknown[] {
  const told: unknown[] = [];
  for (const status of ['up', 'lost', 'left'] as const) {
    node.on(`member.${status}`, (event) => {
      if (event.member.incarnation === ORIGIN) told.push(status);
    });
  }
  node.on('gap', ({ from, reason, missed }) => {
    if (from.incarnation === ORIGIN) told.push([reason, missed]);
  });
  node.subscribe('>', (payload) => told.push(payload));
  return told;
}

/** A node with a carrier that says it hears an origin, which the node does not reach. */
async function carried(): Promise<{ node: MeshNode; told: unknown[]; carrier: FakePeer; self: string }> {
  const node = await startNode('a', [await freePort()]);
  const told = watch(node);
  const carrier = await linked(node, CARRIER);
  carrier.write(view([member(ORIGIN)]));
  await until(() => node.stats().discovery.some(({ address }) => address.endsWith(`:${silentPort}`)), 'hearsay');
  return { node, told, carrier, self: node.self.incarnation };
}

describe('what a carrier brings', () => {
  it('begins with up, and comes once and in order, whatever is repeated, late or too early', async () => {
    const { node, told, carrier, self } = await carried();
    carrier.write(
      // Before START, there is no member to hear of; a hole is no use.
      relay(self, ORIGIN, 1, publication('t', 'too early')),
      relay(self, ORIGIN, 1, beat(0, 0), numbers(FRAME_START, 1)),
      relay(self, ORIGIN, 3, publication('t', 'ahead')),
      relay(self, ORIGIN, 0, publication('t', 'without a number')),
      relay(self, ORIGIN, 1, publication('t', 1), publication('t', 2)),
      relay(self, ORIGIN, 1, publication('t', 'again'), publication('t', 'again'), publication('t', 3)),
      relay(self, ORIGIN, 4, numbers(FRAME_SKIP, 2), publication('t', 6)),
      relay(self, ORIGIN, 7, numbers(FRAME_GAP, 9, 0, 2), publication('t', 10)),
    );
    await until(() => told.includes(10), 'the last one');
    expect(told).toEqual(['up', 1, 2, 3, 6, ['window', 2], 10]);
    expect(carrier.isEnded).toBe(false);
    expect(node.members().map(({ name, status }) => `${name} ${status}`)).toEqual(['ff up', 'ee suspect']);
  });

  it.each<[string, (self: string) => Buffer[]]>([
    ['an origin that nobody knows', (self) => [relay(self, '1234123412341234', 1, numbers(FRAME_START, 1))]],
    ['itself', (self) => [relay(self, CARRIER, 1, publication('t', 'x'))]],
    ['the receiver', (self) => [relay(self, self, 1, numbers(FRAME_START, 1), publication('t', 'x'))]],
    ['nothing', (self) => [relay(self, ORIGIN, 0), relay(self, ORIGIN, 1), relay(self, ORIGIN, MAX)]],
    ['another RELAY', (self) => [relay(self, ORIGIN, 1, relay(self, ORIGIN, 1, publication('t', 'x')))]],
    [
      'what is said on a link alone',
      (self) => [
        relay(
          self,
          ORIGIN,
          1,
          frame(FRAME_HELLO, encode({ incarnation: ORIGIN })),
          frame(FRAME_REJECT, encode({ code: 'self', text: 'x' })),
          view([], { isWhole: true, ended: [] }),
          serves(),
          numbers(FRAME_BYE, 7, 7),
        ),
      ],
    ],
    ['numbers near the end', (self) => [relay(self, ORIGIN, MAX, publication('t', 'x'), publication('t', 'y'))]],
  ])('is ignored when it is from, or is, %s', async (_what, frames) => {
    const { told, carrier, self } = await carried();
    carrier.write(relay(self, ORIGIN, 1, beat(0, 0), numbers(FRAME_START, 1)), ...frames(self));
    carrier.write(relay(self, ORIGIN, 1, publication('t', 'honest')));
    await until(() => told.includes('honest'), 'what stands behind it');
    expect(told).toEqual(['up', 'honest']);
    expect(carrier.isEnded).toBe(false);
  });

  it.each<[string, Buffer]>([
    ['a frame that is cut short', numbers(FRAME_START, 1).subarray(0, 3)],
    ['a frame that is longer than what is left', Buffer.from([0, 0, 1, 0, 4, 1])],
    ['a frame of length 0', Buffer.from([0, 0, 0, 0, 4, 1, 1, 1])],
    ['a heartbeat without numbers', frame(FRAME_PONG, Buffer.alloc(0))],
    ['an acknowledgement of what was never published', beat(0, 12)],
    ['a gap for no known reason', numbers(FRAME_GAP, 5, 99, 1)],
    ['a gap of more than its numbers', numbers(FRAME_GAP, 5, 0, 6)],
    ['a gap that ends before it begins', numbers(FRAME_GAP, 0, 0, 0)],
    ['a confirmation with no known outcome', numbers(FRAME_CONFIRM, 5, 99)],
    ['a number without end', frame(FRAME_SKIP, Buffer.alloc(20, 0xff))],
  ])('costs nobody a link when it holds %s: who carries does not look into it', async (_what, bad) => {
    const { told, carrier, self } = await carried();
    carrier.write(
      relay(self, ORIGIN, 1, beat(0, 0), numbers(FRAME_START, 1)),
      relay(self, ORIGIN, 1, publication('t', 1), bad, publication('t', 'behind bad bytes')),
      relay(self, ORIGIN, 2, publication('t', 2)),
    );
    await until(() => told.includes(2), 'what stands behind it');
    expect(told).toEqual(['up', 1, 2]);
    expect(carrier.isEnded).toBe(false);
  });

  it('costs the carrier its link when it is no RELAY at all: that much an honest one looks at', async () => {
    const { carrier } = await carried();
    carrier.write(frame(FRAME_RELAY, Buffer.alloc(16)));
    await until(() => carrier.isEnded, 'a closed link');
  });

  it('that is no payload is a gap of one in its place', async () => {
    const { told, carrier, self } = await carried();
    carrier.write(
      relay(self, ORIGIN, 1, beat(0, 0), numbers(FRAME_START, 1)),
      relay(
        self,
        ORIGIN,
        1,
        publicationOf('t', Buffer.from([0x92, 0x01])),
        frame(4, Buffer.alloc(0)),
        publication('t', 3),
      ),
    );
    await until(() => told.includes(3), 'what stands behind it');
    expect(told).toEqual(['up', ['undecodable', 1], ['undecodable', 1], 3]);
  });

  it('speaks for a member whose link is bound and said nothing yet, and does not call that link broken', async () => {
    const { node, told, carrier, self } = await carried();
    const origin = await FakePeer.connect(node.self.address.port, { incarnation: ORIGIN });
    peers.push(origin);
    await origin.shakeHands(self, { port: silentPort });
    origin.write(numbers(FRAME_START, 1));
    await until(() => node.stats().links.length === 2, 'a bound link');
    const suspected: string[] = [];
    node.on('member.suspect', (event) => suspected.push(event.reason));
    carrier.write(relay(self, ORIGIN, 1, beat(0, 0), numbers(FRAME_START, 1), publication('t', 1)));
    await until(() => told.includes(1), 'what was carried');
    origin.write(serves(), publication('t', 'carried before'), publication('t', 2));
    await until(() => told.includes(2), 'what came on the link');
    expect(told).toEqual(['up', 1, 2]);
    expect(suspected).toEqual([]);
  });

  it('is not missing once more when the link itself says goodbye without it', async () => {
    const { node, told, carrier, self } = await carried();
    const origin = await linked(node, ORIGIN);
    origin.write(publication('t', 1));
    await until(() => told.includes(1), 'what came on the link');
    carrier.write(relay(self, ORIGIN, 2, publication('t', 2), publication('t', 3)));
    await until(() => told.includes(3), 'what was carried');
    // Of numbers 2 to 6, one is for somebody else.
    origin.write(numbers(FRAME_BYE, 6, 4));
    await until(() => told.includes('left'), 'a goodbye');
    expect(told).toEqual(['up', 1, 2, 3, ['left-behind', 2], 'left']);
  });

  it('leaves a link alone that is bound and fine', async () => {
    const { node, told, carrier, self } = await carried();
    const origin = await linked(node, ORIGIN);
    carrier.write(relay(self, ORIGIN, 1, beat(0, 9_999), numbers(FRAME_START, 1), publication('t', 1)));
    carrier.write(relay(self, ORIGIN, 1, publication('t', 1)));
    await until(() => told.includes(1), 'what was carried');
    origin.write(publication('t', 'carried before'), publication('t', 2));
    await until(() => told.includes(2), 'what came on the link');
    expect(told).toEqual(['up', 1, 2]);
    expect(node.members('up')).toHaveLength(2);
    expect(origin.isEnded || carrier.isEnded).toBe(false);
  });
});

describe('a node that is asked to carry', () => {
  it('passes on what the sender itself says, whole, to a member with a link, and drops the rest', async () => {
    const node = await startNode('c', [await freePort()]);
    const [target, origin] = [await linked(node, CARRIER), await linked(node, ORIGIN)];
    const told = watch(node);
    const good = relay(CARRIER, ORIGIN, 1, publication('t', 'x'));
    origin.write(
      relay('1234123412341234', ORIGIN, 1, publication('t', 'for nobody')),
      relay(ORIGIN, ORIGIN, 1, publication('t', 'for oneself')),
      good,
    );
    const { body } = await target.heard(FRAME_RELAY);
    expect(body.equals(good.subarray(5))).toBe(true);
    expect(target.frames.filter(({ type }) => type === FRAME_RELAY)).toHaveLength(1);
    expect(told).toEqual([]);
    // Nobody speaks for somebody else.
    origin.write(relay(CARRIER, '1234123412341234', 1, publication('t', 'foreign')));
    await until(() => origin.isEnded, 'a closed link');
    expect(target.isEnded).toBe(false);
    expect(target.frames.filter(({ type }) => type === FRAME_RELAY)).toHaveLength(1);
  });

  it('holds little for a target that does not read, and still serves everybody else', async () => {
    const node = await startNode('c', [await freePort()]);
    const [target, origin] = [await linked(node, CARRIER), await linked(node, ORIGIN)];
    target.pause();
    const frames = relay(CARRIER, ORIGIN, 1, publication('t', 'x'.repeat(100_000)));
    const heard: unknown[] = [];
    node.subscribe('t', (payload) => heard.push(payload));
    let most = 0;
    let looks = 0;
    await until(() => {
      origin.write(frames);
      for (const { connection } of boundLinks(node)) most = Math.max(most, connection.bufferedBytes);
      // The kernels take some megabytes first.
      if (most > 0) looks++;
      return looks > 100;
    }, 'a socket that takes no more');
    origin.write(publication('t', 'done'));
    await until(() => heard.includes('done'), 'what stands behind it');
    // One RELAY beyond the bound.
    expect(most).toBeLessThan(32 * 1024 + frames.length + 10_000);
    expect(origin.isEnded).toBe(false);
  });

  it('drops what the target would have to close its link for, and not a byte less', async () => {
    const node = await startNode('c', [await freePort()]);
    // What the target accepts is less than what the node does.
    const limit = 64 * 1024;
    const [target, origin] = [await linked(node, CARRIER, { maxFrameBytes: limit }), await linked(node, ORIGIN)];
    const largest = limit + 64;
    const empty = relay(CARRIER, ORIGIN, 1).length - 4;
    for (const length of [largest + 1, largest]) {
      origin.write(relay(CARRIER, ORIGIN, 1, Buffer.alloc(length - empty, length % 256)));
    }
    const { body } = await target.heard(FRAME_RELAY);
    expect(body.length + 1).toBe(largest);
  });
});
