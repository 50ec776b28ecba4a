import { describe, expect, it } from '@jest/globals';
import type { Gap, Member, MemberEvent } from '@rookery/mesh';
import { type Clock, silentLogger, systemClock } from '@rookery/runtime';
import { Lane } from './lane.js';
import { Watchers } from './watchers.js';

let now = 0;
const clock: Clock = { ...systemClock, now: () => now };
const member = (name: string): Member => ({
  name,
  incarnation: name.repeat(16),
  status: 'up',
  address: { host: '127.0.0.1', port: 1 },
  metadata: {},
});
const options = { pattern: undefined, subscription: undefined, owner: undefined, label: 'w', onError: () => undefined };
const errors: string[] = [];

function makeWatchers(maxWaiting = 10): Watchers {
  const logger = { ...silentLogger, error: (message: string) => void errors.push(message) };
  return new Watchers(new Set(), maxWaiting, () => new Lane(clock, { maxItems: 10, maxBytes: 100 }), logger);
}

/** A handler that is held until it is released, once. */
function held<T>(): { heard: T[]; handler: (event: T) => Promise<void>; release: () => void } {
  const heard: T[] = [];
  let release!: () => void;
  const gate = new Promise<void>((resolve) => (release = resolve));
  return { heard, handler: (event) => (heard.push(event), gate), release: () => release() };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a gap handler that is behind', () => {
  it('hears gaps of one sender and reason as one, with nothing lost of the count, and says since when it is behind', async () => {
    const watchers = makeWatchers();
    const { heard, handler, release } = held<Gap>();
    watchers.addGap({ ...options, handler });
    now = 5;
    for (let i = 0; i < 10_000; i++) {
      watchers.tellGap({ from: member(i % 2 ? 'a' : 'b'), reason: 'undecodable', missed: 1 }, undefined);
    }
    watchers.tellGap({ from: member('a'), reason: 'origin-lost', missed: undefined }, undefined);
    expect([...watchers].map(({ lane }) => lane.behindSince)).toEqual([5]);
    release();
    for (let i = 0; i < 300; i++) await settled();
    expect(heard.length).toBeLessThan(110);
    const undecodable = heard.filter(({ reason }) => reason === 'undecodable');
    for (const name of ['a', 'b']) {
      const missed = undecodable.filter(({ from }) => from.name === name).map((gap) => gap.missed!);
      expect(missed.reduce((sum, count) => sum + count, 0)).toBe(5_000);
    }
    expect(heard.at(-1)).toMatchObject({ reason: 'origin-lost', missed: undefined });
  });
});

describe('a member handler that is behind', () => {
  it('has a bound, and one line says so', async () => {
    const watchers = makeWatchers(10);
    const { heard, handler, release } = held<MemberEvent>();
    watchers.addMember('up', { ...options, handler });
    for (let i = 0; i < 1_000; i++) watchers.tellMember('up', { member: member('a'), reason: String(i) });
    release();
    for (let i = 0; i < 50; i++) await settled();
    expect(heard.map(({ reason }) => reason)).toEqual(Array.from({ length: 11 }, (_, i) => String(i)));
    expect(errors).toEqual([expect.stringMatching(/^The handler w is too slow: 10 member changes/)]);
  });
});
