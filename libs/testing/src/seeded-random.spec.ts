import { describe, expect, it } from '@jest/globals';
import { SeededRandom } from './seeded-random.js';

const draw = (random: SeededRandom): unknown[] => [
  random.next(),
  random.int(0, 1_000_000),
  random.bytes(8).toString('hex'),
  random.between(-5, 5),
  random.pick(['a', 'b', 'c', 'd', 'e', 'f']),
  random.chance(0.5),
];

describe('chance from a seed', () => {
  it('repeats, draw by draw', () => {
    for (const seed of [0, 1, 2 ** 31, 2 ** 40 + 7]) {
      expect(draw(new SeededRandom(seed))).toEqual(draw(new SeededRandom(seed)));
    }
  });

  it('differs from seed to seed, also where only a high bit does', () => {
    const seeds = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 45];
    expect(new Set(seeds.map((seed) => new SeededRandom(seed).next())).size).toBe(seeds.length);
  });

  it('stays inside of its bounds, and reaches both ends of whole numbers', () => {
    const random = new SeededRandom(1);
    const whole = new Set<number>();
    for (let i = 0; i < 1_000; i++) {
      whole.add(random.int(3, 6));
      const number = random.between(10, 11);
      expect(number).toBeGreaterThanOrEqual(10);
      expect(number).toBeLessThan(11);
    }
    expect([...whole].sort()).toEqual([3, 4, 5, 6]);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });

  it('of a fork is not changed by what its parent draws later', () => {
    const [one, other] = [new SeededRandom(5), new SeededRandom(5)];
    const [fork, same] = [one.fork(), other.fork()];
    one.next();
    expect(draw(fork)).toEqual(draw(same));
    expect(one.fork().next()).not.toBe(other.fork().next());
  });
});
