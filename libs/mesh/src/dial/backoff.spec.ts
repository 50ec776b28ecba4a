import { describe, expect, it } from '@jest/globals';
import { backoffMs, RETRY, RETRY_REJECTED, RETRY_STRANGER } from './backoff.js';

describe('back-off', () => {
  it('doubles its bound from 100 ms to 5 s', () => {
    expect([1, 2, 3, 6, 7, 100].map((attempt) => backoffMs(attempt, RETRY, 1))).toEqual([
      100, 200, 400, 3_200, 5_000, 5_000,
    ]);
  });

  it('is anywhere below the bound', () => {
    expect(backoffMs(3, RETRY, 0)).toBe(0);
    expect(backoffMs(3, RETRY, 0.5)).toBe(200);
  });

  it('is slow where only a person can help', () => {
    expect(backoffMs(1, RETRY_REJECTED, 0)).toBe(5_000);
    expect(backoffMs(10, RETRY_REJECTED, 0)).toBe(5_000);
    expect(backoffMs(10, RETRY_REJECTED, 1)).toBe(60_000);
  });

  it('dials what may be a service of somebody else every 5 s at most', () => {
    for (const attempt of [1, 2, 10, 1_000]) {
      for (const limits of [RETRY_REJECTED, RETRY_STRANGER]) {
        expect(backoffMs(attempt, limits, 0)).toBeGreaterThanOrEqual(5_000);
      }
    }
    expect(backoffMs(100, RETRY_STRANGER, 1)).toBe(10_000);
  });
});
