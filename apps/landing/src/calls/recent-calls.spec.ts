import { expect, it } from '@jest/globals';
import { MAX_RECENT_CALLS, RecentCalls } from './recent-calls.js';

it('keeps the newest calls, counted, and lets go of the oldest', () => {
  const calls = new RecentCalls();
  expect(calls.list()).toEqual([]);
  for (let i = 1; i <= MAX_RECENT_CALLS + 5; i++) {
    calls.add({ pattern: 'pricing.quote', member: 'api-1', tookMs: 1.2345, error: null }, i);
  }
  expect(calls.list()).toHaveLength(MAX_RECENT_CALLS);
  expect(calls.list()[0]).toEqual({
    id: MAX_RECENT_CALLS + 5,
    at: MAX_RECENT_CALLS + 5,
    pattern: 'pricing.quote',
    member: 'api-1',
    tookMs: 1.2,
    error: null,
  });
  expect(calls.list().at(-1)?.id).toBe(6);
});
