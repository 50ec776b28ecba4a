import { expect, it } from '@jest/globals';
import { RateLimit } from './rate-limit.js';

const takeAll = (limit: RateLimit, now: number): number => {
  let taken = 0;
  while (taken < 1_000 && limit.take(now)) taken++;
  return taken;
};

it('lets a burst through, then so many a second, and never saves more than a burst', () => {
  const limit = new RateLimit(10, 5);
  expect(takeAll(limit, 0)).toBe(5);
  expect(takeAll(limit, 99)).toBe(0);
  expect(takeAll(limit, 100)).toBe(1);
  expect(takeAll(limit, 400)).toBe(3);
  expect(takeAll(limit, 3_600_000)).toBe(5);
});
