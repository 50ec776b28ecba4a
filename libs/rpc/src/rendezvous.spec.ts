import { describe, expect, it } from '@jest/globals';
import { score } from './rendezvous.js';

const KEYS = Array.from({ length: 10_000 }, (_, i) => `customer:${i}`);

function owner(key: string, members: readonly string[]): string {
  return members.reduce((best, member) => (score(key, member) > score(key, best) ? member : best));
}

function shares(members: readonly string[], keys: readonly string[] = KEYS): Map<string, number> {
  const counts = new Map(members.map((member) => [member, 0]));
  for (const key of keys) {
    const name = owner(key, members);
    counts.set(name, counts.get(name)! + 1);
  }
  return counts;
}

describe('rendezvous hashing', () => {
  it.each([
    ['names that differ in one digit', ['api-1', 'api-2', 'api-3', 'api-4', 'api-5']],
    ['names of pods', ['api-7d9f-x2k4q', 'api-7d9f-9zkpl', 'api-7d9f-q8w2m', 'api-7d9f-l0v7c', 'api-7d9f-b5n1t']],
    ['one letter', ['a', 'b', 'c', 'd', 'e']],
  ])('gives every member about its share: %s', (_what, members) => {
    for (const count of shares(members).values()) {
      expect(count).toBeGreaterThan(2_000 * 0.85);
      expect(count).toBeLessThan(2_000 * 1.15);
    }
  });

  it('spreads keys that are numbers as well', () => {
    const numbers = Array.from({ length: 10_000 }, (_, i) => String(i));
    for (const count of shares(['api-1', 'api-2', 'api-3', 'api-4', 'api-5'], numbers).values()) {
      expect(Math.abs(count - 2_000)).toBeLessThan(300);
    }
  });

  it('moves only the keys of a member that goes', () => {
    const members = ['api-1', 'api-2', 'api-3', 'api-4', 'api-5'];
    const rest = members.filter((member) => member !== 'api-3');
    let moved = 0;
    for (const key of KEYS) {
      const before = owner(key, members);
      if (before === owner(key, rest)) continue;
      expect(before).toBe('api-3');
      moved++;
    }
    expect(moved).toBe(shares(members).get('api-3'));
    // And they spread over all that are left.
    for (const count of shares(rest).values()) expect(Math.abs(count - 2_500)).toBeLessThan(375);
  });

  it('does not depend on the order of members', () => {
    const members = ['x', 'y', 'z'];
    for (const key of KEYS.slice(0, 100)) expect(owner(key, members)).toBe(owner(key, [...members].reverse()));
  });
});
