/** What an authenticated peer can do that keeps to no rule: it may harm its own link, and nothing else. */
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  FRAME_BYE,
  FRAME_GAP,
  FRAME_PUBLICATION,
  FRAME_REJECT,
  FRAME_SKIP,
  FRAME_START,
  FRAME_VIEW,
} from '../../libs/mesh/src/protocol/frame.js';
import { encode } from '../../libs/mesh/src/codec/encode.js';
import { FakePeer, frame, numbers, publication, publicationOf, serves, view } from './fake-peer.js';
import { closeAll, freePort, startNode, until } from './support.js';
import type { MeshNode } from 'rookery/mesh';

const peers: FakePeer[] = [];
afterEach(async () => {
  for (const peer of peers.splice(0)) peer.close();
  await closeAll();
});

async function fake(node: MeshNode, incarnation?: string): Promise<FakePeer> {
  const peer = await FakePeer.connect(node.self.address.port, incarnation === undefined ? {} : { incarnation });
  peers.push(peer);
  return peer;
}

/** What may be said once, but not as a part of anything larger. */
function deep(): Record<string, unknown> {
  let value = {};
  for (let level = 0; level < 120; level++) value = { a: value };
  return value;
}

function watch(node: MeshNode): unknown[] {
  const told: unknown[] = [];
  for (const status of ['up', 'suspect', 'lost', 'left'] as const) node.on(`member.${status}`, () => told.push(status));
  node.on('gap', ({ reason, missed }) => told.push([reason, missed]));
  node.subscribe('>', (payload) => told.push(payload));
  return told;
}

describe('an authenticated peer', () => {
  it('is refused for its cluster, and cannot keep the socket by not closing its end', async () => {
    const node = await startNode('a', [await freePort()]);
    const peer = await fake(node);
    await Promise.race([peer.shakeHands(node.self.incarnation, { cluster: 'other' }), peer.heard(FRAME_REJECT)]);
    expect(peer.frames.map(({ type }) => type)).toContain(FRAME_REJECT);
    // It never closes its own end; what it writes meets nobody in the end.
    await until(() => {
      peer.write(serves());
      return peer.isClosed;
    }, 'a destroyed socket');
  }, 15_000);

  it('with metadata that nobody could pass on is not let in, and harms nobody', async () => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    const peer = await fake(node);
    // Its handshake never ends: the node hangs up.
    peer.shakeHands(node.self.incarnation, { metadata: deep() }).catch(() => undefined);
    await until(() => peer.isClosed || peer.isEnded, 'the end of the link');
    const other = await startNode('b', [node.self.address.port]);
    // Each end tells of the link when it knows of it: the other one may be first.
    await until(() => other.members('up').length === 1 && told.length > 0, 'a link between others');
    expect(told).toEqual(['up']);
  });

  it.each([
    ['a publication before START', () => [publication('t', 1)]],
    ['a publication before SERVES', () => [numbers(FRAME_START, 1), publication('t', 1)]],
    ['a gap before SERVES', () => [numbers(FRAME_START, 1), numbers(FRAME_GAP, 5, 0, 5)]],
    ['a START ahead without a gap', () => [numbers(FRAME_START, 1), serves(), numbers(FRAME_START, 9)]],
    ['a control frame that is too long', () => [numbers(FRAME_START, 1), frame(FRAME_SKIP, Buffer.alloc(100))]],
    ['a frame that claims a gigabyte', () => [Buffer.from([0x40, 0, 0, 0, 4])]],
    [
      'a member whose metadata nobody could pass on',
      () => [
        numbers(FRAME_START, 1),
        serves(),
        view([{ incarnation: '00'.repeat(8), name: 'n', host: '127.0.0.1', port: 9, metadata: deep(), ageMs: 0 }]),
      ],
    ],
    ['a view that is none', () => [numbers(FRAME_START, 1), serves(), frame(FRAME_VIEW, encode('nonsense'))]],
  ])('loses its link for %s, and is handed up nothing', async (_what, frames) => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    const peer = await fake(node);
    await peer.shakeHands(node.self.incarnation);
    peer.write(...frames());
    await until(() => peer.isEnded, 'a closed link');
    // Its end may be known by now, for nobody listens where it said that it does.
    const itself = ['up', 'suspect', 'lost', 'origin-lost,'];
    expect(told.filter((what) => !itself.includes(String(what)))).toEqual([]);
  });

  it.each([
    ['a payload that is cut off', Buffer.from([0x92, 0x01])],
    ['bytes behind the payload', Buffer.from([0x01, 0x02])],
    ['a list that claims four billion entries', Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff])],
    ['an extension that nobody knows', Buffer.from([0xd4, 0x7f, 0x00])],
    ['no payload at all', Buffer.alloc(0)],
  ])('is heard on after %s: that is one gap of one in its place', async (_what, payload) => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    const elsewhere: unknown[] = [];
    node.subscribeGap('other', (gap) => elsewhere.push(gap));
    const peer = await fake(node);
    await peer.shakeHands(node.self.incarnation);
    peer.write(
      numbers(FRAME_START, 1),
      serves(),
      publication('t', 'before'),
      publicationOf('t', payload),
      publication('t', 'behind'),
    );
    await until(() => told.includes('behind'), 'what stands behind it');
    expect(told).toEqual(['up', 'before', ['undecodable', 1], 'behind']);
    expect(elsewhere).toEqual([]);
    expect(node.stats().links).toHaveLength(1);
    expect(node.stats().links[0]!.received).toBe(3);
  });

  it('whose link was replaced after numbers for others is owed the gap in full', async () => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    const [first, second] = [await fake(node), await fake(node)];
    await first.shakeHands(node.self.incarnation);
    first.write(numbers(FRAME_START, 1), serves());
    await until(() => node.members('up').length === 1, 'up');
    // The HELLO of the second link tells what was had before the first one went on.
    await second.shakeHands(node.self.incarnation, { head: 8 });
    first.write(numbers(FRAME_SKIP, 5));
    second.write(
      numbers(FRAME_START, 1),
      serves(),
      numbers(FRAME_GAP, 8, 0, 3),
      numbers(FRAME_START, 9),
      publication('t', 9),
    );
    await until(() => told.includes(9), 'the newest');
    expect(told).toEqual(['up', ['window', 3], 9]);
  });

  it('that is believed only about the link it chose last, in whatever order its words are read', async () => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    // The lower incarnation decides: it began on the first link, then on the second, and gave the first one up.
    const lower = '0000000000000000';
    const [first, second] = [await fake(node, lower), await fake(node, lower)];
    await first.shakeHands(node.self.incarnation);
    await second.shakeHands(node.self.incarnation);
    second.write(numbers(FRAME_START, 1, 2), serves(), publication('t', 'chosen'));
    await until(() => told.includes('chosen'), 'something on the chosen link');
    const overruled = frame(FRAME_REJECT, encode({ code: 'duplicate-link', text: 'replaced by a newer link' }));
    first.write(numbers(FRAME_START, 1, 1), serves(), publication('t', 'overruled'), overruled);
    await until(() => first.isEnded, 'the end of the first link');
    second.write(publication('t', 'still chosen'));
    await until(() => told.includes('still chosen'), 'more on the chosen link');
    expect(told).toEqual(['up', 'chosen', 'still chosen']);
    expect(second.isEnded).toBe(false);
  });

  it('that claims more choices than there can be is believed about later links all the same', async () => {
    const node = await startNode('a', [await freePort()]);
    const told = watch(node);
    const lower = '0000000000000000';
    const first = await fake(node, lower);
    await first.shakeHands(node.self.incarnation);
    first.write(numbers(FRAME_START, 1, Number.MAX_SAFE_INTEGER), serves(), publication('t', 'first'));
    await until(() => told.includes('first'), 'something on the first link');
    const second = await fake(node, lower);
    await second.shakeHands(node.self.incarnation);
    second.write(numbers(FRAME_START, 2, 2), serves(), publication('t', 'second'));
    await until(() => told.includes('second'), 'something on the second link');
    expect(told).toEqual(['up', 'first', 'second']);
    await until(() => first.isEnded, 'the end of the first link');
  });

  it('that chooses another link while the node leaves is told the last words and the goodbye there', async () => {
    const node = await startNode('a', [await freePort()]);
    const lower = '0000000000000000';
    const [first, second] = [await fake(node, lower), await fake(node, lower)];
    await first.shakeHands(node.self.incarnation);
    await second.shakeHands(node.self.incarnation);
    first.write(numbers(FRAME_START, 1), serves());
    await until(() => node.members('up').length === 1, 'up');
    node.publish('t', 'last words');
    const left = node.leave();
    const replaced = frame(FRAME_REJECT, encode({ code: 'duplicate-link', text: 'replaced by a newer link' }));
    first.write(replaced);
    await until(() => first.isEnded, 'the end of the first link');
    second.write(numbers(FRAME_START, 1), serves());
    await second.heard(FRAME_PUBLICATION);
    await second.heard(FRAME_BYE);
    await left;
  }, 10_000);

  it('that tells of thousands of dead addresses keeps nobody from working', async () => {
    const node = await startNode('a', [await freePort()]);
    const peer = await fake(node);
    await peer.shakeHands(node.self.incarnation);
    peer.write(numbers(FRAME_START, 1), serves());
    const hex = (i: number): string => i.toString(16).padStart(16, '0');
    for (let part = 0; part < 4; part++) {
      const members = Array.from({ length: 1_000 }, (_, i) => ({
        incarnation: hex(1 + part * 1_000 + i),
        name: 'nobody',
        host: '127.0.0.1',
        port: 1 + part * 1_000 + i,
        metadata: {},
        ageMs: 1_000,
      }));
      peer.write(frame(FRAME_VIEW, encode({ isWhole: part === 0, members, gone: [], ended: [] })));
    }
    const heard: unknown[] = [];
    node.subscribe('t', (payload) => heard.push(payload));
    await until(() => node.stats().discovery.length > 3_000, 'the view');
    const began = performance.now();
    node.publish('t', 1);
    await until(() => heard.length === 1, 'an event');
    // It took a minute once: every entry made the node look at all others.
    expect(performance.now() - began).toBeLessThan(5_000);
  }, 30_000);
});
