/** Calls of an authenticated peer that keeps to no rule: it may harm its own link, and nothing else. */
import { afterEach, describe, expect, it } from '@jest/globals';
import type { MeshNode } from 'rookery/mesh';
import { encode } from '../../libs/mesh/src/codec/encode.js';
import {
  FRAME_CANCEL,
  FRAME_CREDIT,
  FRAME_ERROR,
  FRAME_NEXT,
  FRAME_PING,
  FRAME_PONG,
  FRAME_REQUEST,
  FRAME_RESPONSE,
  FRAME_SERVES,
  FRAME_START,
} from '../../libs/mesh/src/protocol/frame.js';
import { writeVarint } from '../../libs/mesh/src/protocol/varint.js';
import { FakePeer, frame, numbers, serves } from './fake-peer.js';
import { closeAll, freePort, startNode, until } from './support.js';

const peers: FakePeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await closeAll();
});

/** A peer that is a member, and serves these keys. */
async function member(node: MeshNode, keys: readonly string[] = []): Promise<FakePeer> {
  const peer = await FakePeer.connect(node.self.address.port);
  peers.push(peer);
  await peer.shakeHands(node.self.incarnation);
  peer.write(numbers(FRAME_START, 1), keys.length === 0 ? serves() : served(keys));
  await until(() => node.members('up').length === 1, 'a member');
  return peer;
}

function served(added: readonly string[]): Buffer {
  return frame(FRAME_SERVES, encode({ added, removed: [], isDraining: false, isLast: true }));
}

/** A REQUEST of `key`, with its metadata if there is any, and its data as bytes that need be none. */
function request(id: number, key: string, data: Buffer, metadata?: Buffer, timeoutMs = 5_000): Buffer {
  const head = Buffer.alloc(4096);
  let at = writeVarint(head, 0, id);
  at = writeVarint(head, at, timeoutMs);
  head[at++] = metadata === undefined ? 0 : 2;
  at = writeVarint(head, at, Buffer.byteLength(key));
  at += head.write(key, at);
  if (metadata !== undefined) at = writeVarint(head, at, metadata.length);
  return frame(FRAME_REQUEST, Buffer.concat([head.subarray(0, at), metadata ?? Buffer.alloc(0), data]));
}

/** It is still a member, and is answered. */
async function expectAlive(peer: FakePeer): Promise<void> {
  const answers = (): number => peer.frames.filter(({ type }) => type === FRAME_PONG).length;
  const before = answers();
  peer.write(numbers(FRAME_PING, 77, 0, 0, 1_000, 0, 0));
  await until(() => answers() > before, 'an answer to a ping');
  expect(peer.isEnded).toBe(false);
}

const small = encode(1);

describe('a peer that calls', () => {
  it.each([
    ['a pattern that claims more bytes than there are', () => numbers(FRAME_REQUEST, 1, 5_000, 0, 900)],
    ['a pattern that is too long', () => request(1, `?${'x'.repeat(2_000)}`, small)],
    ['metadata that is no object', () => request(1, '?echo', small, encode([1, 2]))],
    ['metadata that cannot be decoded', () => request(1, '?echo', small, Buffer.from([0x92, 0x01]))],
    ['metadata that is too large', () => request(1, '?echo', small, encode({ text: 'x'.repeat(1_100) }))],
    ['a number of two running calls', () => Buffer.concat([request(1, '?hang', small), request(1, '?hang', small)])],
    ['a CANCEL that is too long', () => frame(FRAME_CANCEL, Buffer.alloc(100))],
    ['a CREDIT without its amount', () => Buffer.concat([request(1, '?hang', small), numbers(FRAME_CREDIT, 1)])],
  ])('with %s loses its link', async (_what, bytes) => {
    const node = await startNode('a', [await freePort()]);
    node.respond('echo', (data) => data);
    node.respond('hang', () => new Promise(() => undefined));
    const peer = await member(node);
    peer.write(bytes());
    await until(() => peer.isEnded, 'a closed link');
  });

  it.each([
    ['a key named __proto__', Buffer.from('81a95f5f70726f746f5f5f81a178c3', 'hex')],
    ['2000 levels', Buffer.concat([Buffer.alloc(2_000, 0x91), small])],
    ['nothing at all', Buffer.alloc(0)],
    ['bytes behind the value', Buffer.from([1, 2])],
  ])('with data of %s is refused that call, and keeps its link', async (_what, data) => {
    const node = await startNode('a', [await freePort()]);
    let calls = 0;
    node.respond('echo', () => ++calls);
    const peer = await member(node);
    peer.write(request(1, '?echo', data));
    const error = await peer.heard(FRAME_ERROR);
    expect(error.body.subarray(0, 2)).toEqual(Buffer.from([1, 1]));
    expect(calls).toBe(0);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
    await expectAlive(peer);
  });

  it('and answers what nobody asked, or ends what does not run, is ignored', async () => {
    const node = await startNode('a', [await freePort()]);
    const peer = await member(node);
    const id = encode(1);
    for (const type of [FRAME_RESPONSE, FRAME_NEXT, FRAME_ERROR])
      peer.write(frame(type, Buffer.concat([id, small, small])));
    peer.write(numbers(FRAME_CANCEL, 5), numbers(FRAME_CREDIT, 5, 1_000_000), numbers(FRAME_CANCEL, 0));
    await expectAlive(peer);
  });

  it('cannot answer for another member', async () => {
    const node = await startNode('a', [await freePort()]);
    const other = await startNode('b', [node.self.address.port]);
    let answer!: (value: string) => void;
    other.respond('who', () => new Promise((resolve) => (answer = resolve)));
    await until(() => node.rpc.serving('call', 'who').length === 1, 'the pattern');
    const peer = await FakePeer.connect(node.self.address.port);
    peers.push(peer);
    await peer.shakeHands(node.self.incarnation);
    peer.write(numbers(FRAME_START, 1), serves());
    await until(() => node.members('up').length === 2, 'both members');
    const call = node.request('who', null);
    await until(() => typeof answer === 'function', 'the call');
    for (let id = 1; id < 100; id++) peer.write(frame(FRAME_RESPONSE, Buffer.concat([encode(id), encode('forged')])));
    await expectAlive(peer);
    answer('b');
    expect(await call).toBe('b');
  });

  it('and does not say that it gave up is answered by no handler that works on for nobody', async () => {
    const node = await startNode('a', [await freePort()]);
    let aborted = 0;
    node.respond('hang', (_data, { signal }) => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(aborted++));
      });
    });
    const peer = await member(node);
    peer.write(request(1, '?hang', small, undefined, 20));
    await until(() => aborted === 1, 'the end of the handler');
    // Number 1, and TIMEOUT.
    expect((await peer.heard(FRAME_ERROR)).body.subarray(0, 2)).toEqual(Buffer.from([1, 3]));
    await expectAlive(peer);
  });

  it('may have so many calls at work, and no more; all of them end with its link', async () => {
    const node = await startNode('a', [await freePort()], { limits: { maxPendingCalls: 100 } });
    let begun = 0;
    let aborted = 0;
    node.respond('hang', (_data, { signal }) => {
      begun++;
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(aborted++));
      });
    });
    const peer = await member(node);
    for (let id = 1; id <= 1_000; id++) peer.write(request(id, '?hang', small));
    await until(() => peer.frames.filter(({ type }) => type === FRAME_ERROR).length === 900, '900 refusals');
    expect(begun).toBe(100);
    peer.close();
    await until(() => aborted === 100, 'the end of all');
  });

  it('and is slow to read what it is asked itself is heard, and keeps its link', async () => {
    const node = await startNode('a', [await freePort()]);
    const heard: unknown[] = [];
    node.respond('hear', (data) => heard.push(data));
    const peer = await member(node, ['?store']);
    peer.pause();
    // More than may wait for one link.
    const data = 'x'.repeat(1_000_000);
    const calls = Promise.allSettled(Array.from({ length: 40 }, () => node.request('store', data)));
    peer.write(request(1, '?hear', small));
    await until(() => heard.length === 1, 'the call');
    expect(node.members('up')).toHaveLength(1);
    peer.close();
    const reasons = (await calls).map((outcome) => (outcome.status === 'rejected' ? (outcome.reason as unknown) : ''));
    expect(reasons).toContainEqual(expect.objectContaining({ code: 'PEER_LOST' }));
    expect(reasons).toContainEqual(expect.objectContaining({ code: 'REJECTED' }));
  });

  it('of a million numbers and reads no answer loses its link, and others are served meanwhile', async () => {
    const node = await startNode('a', [await freePort()]);
    node.respond('echo', (data) => data);
    const peer = await member(node);
    const other = await startNode('b', [node.self.address.port]);
    await until(() => other.rpc.serving('call', 'echo').length === 1, 'the pattern');
    peer.pause();
    for (let id = 1; id <= 1_000_000 && !peer.isEnded;) {
      const batch: Buffer[] = [];
      for (let i = 0; i < 10_000; i++) batch.push(request(id++, '?nothing', small));
      peer.write(...batch);
      expect(await other.request('echo', id)).toBe(id);
    }
    await until(() => node.members('up').every(({ name }) => name !== 'fake'), 'the end of its link');
    expect(await other.request('echo', 'still')).toBe('still');
  }, 60_000);
});

describe('a peer that serves', () => {
  it.each([
    ['more patterns than there may be', () => [served(keys(0, 6_000)), served(keys(6_000, 12_000))]],
    ['a pattern that is too long', () => [served([`?${'x'.repeat(2_000)}`])]],
    [
      'a pattern that is no text',
      () => [frame(FRAME_SERVES, encode({ added: [7], removed: [], isDraining: false, isLast: true }))],
    ],
  ])('%s loses its link, and what it served is forgotten', async (_what, frames) => {
    const node = await startNode('a', [await freePort()]);
    const peer = await member(node, ['?echo']);
    expect(node.rpc.serving('call', 'echo')).toHaveLength(1);
    peer.write(...frames());
    await until(() => peer.isEnded, 'a closed link');
    await until(() => node.rpc.serving('call', 'echo').length === 0, 'nobody that serves');
  });

  it('and hangs up during a call that is idempotent: where nobody else is, its outcome is unknown all the same', async () => {
    const node = await startNode('a', [await freePort()]);
    const peer = await member(node, ['?work']);
    const call = node.request('work', null, { idempotent: true });
    await peer.heard(FRAME_REQUEST);
    peer.close();
    await expect(call).rejects.toMatchObject({ code: 'PEER_LOST', didNotRun: false });
  });

  it('a stream beyond what was granted loses its link, and the reader is told', async () => {
    const node = await startNode('a', [await freePort()]);
    const peer = await member(node, ['?flood']);
    const stream = node.requestStream('flood', null)[Symbol.asyncIterator]();
    const id = (await peer.heard(FRAME_REQUEST)).body.subarray(0, 1);
    const value = frame(FRAME_NEXT, Buffer.concat([id, encode('x'.repeat(50_000))]));
    peer.write(...Array.from({ length: 10 }, () => value));
    await until(() => peer.isEnded, 'a closed link');
    const end = (async () => {
      for (;;) await stream.next();
    })();
    await expect(end).rejects.toMatchObject({ code: 'PEER_LOST' });
  });
});

function keys(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => `?${from + i}`);
}
