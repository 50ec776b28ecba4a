import { describe, expect, it } from '@jest/globals';
import { boundedNextMs, heartbeatIntervalMs, INTERVAL_JITTER, silenceLimitMs, staleLimitMs } from './liveness.js';

/** Links are looked at this often, so everything may be late by as much. */
const TICK_MS = 250;

describe('heartbeats', () => {
  it.each([
    [1, 1_000],
    [8, 1_000],
    [9, 1_080],
    [49, 5_880],
    [1_000, 12_000],
  ])('with %i links come every %i ms', (links, intervalMs) => {
    expect(heartbeatIntervalMs(links, 1_000)).toBeCloseTo(intervalMs);
  });

  it('come faster for a larger budget', () => {
    expect(heartbeatIntervalMs(49, 10_000)).toBe(1_000);
  });

  it('leave room for two lost rounds before silence is a verdict, and for one before freshness is doubted', () => {
    for (const links of [1, 9, 17, 49, 99]) {
      const nextMs = heartbeatIntervalMs(links, 1_000);
      const latest = nextMs * (1 + INTERVAL_JITTER) + TICK_MS;
      expect(silenceLimitMs(nextMs)).toBeGreaterThan(2 * latest);
      expect(staleLimitMs(nextMs)).toBeGreaterThan(2 * nextMs + TICK_MS);
    }
  });

  it('notice a silent peer within 5 s up to 10 nodes, and within 19 s at 50', () => {
    expect(silenceLimitMs(heartbeatIntervalMs(9, 1_000)) + TICK_MS).toBeLessThan(5_000);
    expect(silenceLimitMs(heartbeatIntervalMs(49, 1_000)) + TICK_MS).toBeLessThan(19_000);
  });

  it('cannot be announced so rare that a peer escapes supervision, nor so often that it is accused at once', () => {
    expect(boundedNextMs(10 ** 9)).toBeLessThan(15_000);
    expect(boundedNextMs(0)).toBe(1_000);
  });
});
