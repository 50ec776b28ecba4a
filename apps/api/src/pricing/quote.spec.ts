import { describe, expect, it } from '@jest/globals';
import { quoteFor } from './quote.js';

describe('quoteFor', () => {
  it.each([
    [1, 1, 2_400, 'Studio'],
    [8, 2, 4_800, 'Studio'],
    [9, 2, 4_800, 'Team'],
    [25, 4, 9_600, 'Team'],
    [60, 10, 21_500, 'House'],
  ])('for %d people', (people, count, cents, name) => {
    expect(quoteFor(people)).toEqual({ people, bags: { count, cents }, plan: { name, cents: expect.any(Number) } });
  });

  it('has no plan for more than the largest one is for', () => {
    expect(quoteFor(61)).toMatchObject({ bags: { count: 10 }, plan: null });
  });
});
