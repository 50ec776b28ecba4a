import { expect, it } from '@jest/globals';
import { RetryBudget } from './retry-budget.js';

function taken(budget: RetryBudget, now: number): number {
  let count = 0;
  while (budget.take(now)) count++;
  return count;
}

it('allows ten retries a second where there are few calls', () => {
  const budget = new RetryBudget(0);
  expect(taken(budget, 0)).toBe(10);
  expect(taken(budget, 500)).toBe(5);
  expect(taken(budget, 550)).toBe(0);
});

it('allows a tenth of the calls on top, and saves no more than a hundred', () => {
  const budget = new RetryBudget(0);
  taken(budget, 0);
  for (let i = 0; i < 505; i++) budget.noteCall();
  expect(taken(budget, 0)).toBe(50);
  for (let i = 0; i < 100_000; i++) budget.noteCall();
  expect(taken(budget, 3_600_000)).toBe(100);
});
