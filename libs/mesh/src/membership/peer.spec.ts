import { describe, expect, it } from '@jest/globals';
import { Peer } from './peer.js';

const peer = (): Peer =>
  new Peer('00000000000000aa', { name: 'p', address: { host: '127.0.0.1', port: 1 }, metadata: {} }, 0, 0, 0);

describe('the freshness of a peer', () => {
  it('is proven as of the arrival of a head that we have reached', () => {
    const p = peer();
    p.last = 5;
    p.learnHead(5, 1_000);
    expect(p.freshAt).toBe(1_000);
  });

  it('is proven later for a head not yet reached, but as of when that head arrived', () => {
    const p = peer();
    p.learnHead(3, 1_000);
    p.learnHead(6, 2_000);
    expect(p.freshAt).toBe(0);
    p.last = 2;
    p.proveFreshness();
    expect(p.freshAt).toBe(0);
    p.last = 3;
    p.proveFreshness();
    expect(p.freshAt).toBe(1_000);
    p.last = 6;
    p.proveFreshness();
    expect(p.freshAt).toBe(2_000);
  });

  it('does not wait for ever behind a head that moves on: the oldest and the newest are kept', () => {
    const p = peer();
    for (let at = 1; at <= 100; at++) p.learnHead(at * 10, at * 1_000);
    p.last = 10;
    p.proveFreshness();
    expect(p.freshAt).toBe(1_000);
    p.last = 999;
    p.proveFreshness();
    expect(p.freshAt).toBe(1_000);
    p.last = 1_000;
    p.proveFreshness();
    expect(p.freshAt).toBe(100_000);
  });
});

describe('a head that comes late on another link', () => {
  it('proves nothing when a newer one is known that was not reached', () => {
    const p = peer();
    p.last = 50;
    p.learnHead(100, 1_000);
    p.learnHead(50, 9_000);
    expect(p.freshAt).toBe(0);
    p.last = 100;
    p.proveFreshness();
    expect(p.freshAt).toBe(1_000);
  });

  it('proves nothing when more is there than it speaks of, and takes nothing back', () => {
    const p = peer();
    p.last = 100;
    p.learnHead(100, 5_000);
    p.learnHead(50, 9_000);
    p.learnHead(100, 4_000);
    expect(p.freshAt).toBe(5_000);
  });
});

describe('a peer that turns out to be older than it was taken for', () => {
  it('is owed more, unless there was a proof since', () => {
    const make = (): Peer =>
      new Peer(
        '00000000000000aa',
        { name: 'p', address: { host: '127.0.0.1', port: 1 }, metadata: {} },
        0,
        9_000,
        2_000,
      );
    const [unproven, proven] = [make(), make()];
    proven.learnHead(0, 9_500);
    for (const p of [unproven, proven]) p.noteAge(7_000);
    expect([unproven.freshAt, proven.freshAt]).toEqual([7_000, 9_500]);
    unproven.noteAge(1_000);
    // Before we were there ourselves, nothing is owed.
    expect(unproven.freshAt).toBe(2_000);
  });
});

describe('the member that users see', () => {
  it('is one frozen object until something changes', () => {
    const p = peer();
    const before = p.member;
    expect(p.member).toBe(before);
    expect(Object.isFrozen(before)).toBe(true);
    p.setStatus('up');
    expect(p.member).not.toBe(before);
    expect(p.member.status).toBe('up');
    expect(before.status).toBe('suspect');
  });
});
