import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type FailureKind, KubernetesFailure } from './kubernetes-failure.js';
import { nextAttempt, STEADY_WATCH_MS } from './kubernetes-retry.js';

const failed = (kind: FailureKind, status?: number, retryAfterMs?: number): KubernetesFailure =>
  new KubernetesFailure(kind, kind, { status, retryAfterMs });
/** The longest pause that may come of it. */
const next = (failure: KubernetesFailure | undefined, failures = 0, openMs = 0) =>
  nextAttempt({ failure, failures, openMs }, 1);

describe('nextAttempt', () => {
  it('resumes a watch at once that ended in its time', () => {
    expect(next(undefined, 3, STEADY_WATCH_MS)).toEqual({ failures: 0, delayMs: 0, listsAgain: false });
  });

  it('does not take a server at its word that ends every watch at once', () => {
    expect(next(undefined, 0, 1)).toEqual({ failures: 1, delayMs: 100, listsAgain: false });
    expect(next(undefined, 4, 1)).toEqual({ failures: 5, delayMs: 1_600, listsAgain: false });
  });

  it('resumes a watch that broke, after a pause that doubles up to some seconds', () => {
    expect(next(failed('unreachable'))).toEqual({ failures: 1, delayMs: 100, listsAgain: false });
    expect(next(failed('unreachable'), 1).delayMs).toBe(200);
    expect(next(failed('unreachable'), 50).delayMs).toBe(5_000);
  });

  it('lists in between where watches come to nothing again and again, for lists may get through', () => {
    const listed = [0, 1, 2, 3, 4, 5].map((failures) => next(failed('unreachable'), failures).listsAgain);
    expect(listed).toEqual([false, true, false, true, false, true]);
    expect(next(undefined, 1, 1).listsAgain).toBe(true);
  });

  it('begins anew with the pauses once a watch ran well', () => {
    expect(next(failed('unreachable'), 9, STEADY_WATCH_MS)).toMatchObject({ failures: 1, delayMs: 100 });
  });

  it.each(['gone', 'malformed'] as const)('lists again at once after %s, and with a pause the next time', (kind) => {
    expect(next(failed(kind))).toEqual({ failures: 1, delayMs: 0, listsAgain: true });
    expect(next(failed(kind), 1)).toEqual({ failures: 2, delayMs: 200, listsAgain: true });
  });

  it.each([
    [429, false],
    [401, false],
    [500, false],
    [503, false],
    // A version from the future, as after etcd was restored from a backup.
    [504, true],
    [400, true],
    [403, true],
    [404, true],
  ])('after status %i lists again: %s', (status, listsAgain) => {
    expect(next(failed('status', status)).listsAgain).toBe(listsAgain);
  });

  it.each([
    ['status', 401],
    ['status', 403],
    ['status', 404],
    ['untrusted', undefined],
    ['credentials', undefined],
    ['too-many', undefined],
  ] as const)('waits longer for what a person must mend: %s %s', (kind, status) => {
    expect(next(failed(kind, status)).delayMs).toBe(1_000);
    expect(next(failed(kind, status), 50).delayMs).toBe(15_000);
  });

  it('waits as long as the server asks for, within bounds', () => {
    expect(next(failed('status', 429, 2_000)).delayMs).toBe(2_000);
    expect(next(failed('status', 429, 1e9)).delayMs).toBe(30_000);
  });

  it('never waits longer than half a minute', () => {
    const kinds = fc.constantFrom<FailureKind>('unreachable', 'status', 'gone', 'malformed', 'untrusted');
    fc.assert(
      fc.property(
        kinds,
        fc.nat(599),
        fc.nat(1_000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (kind, status, failures, random) => {
          const { delayMs } = nextAttempt({ failure: failed(kind, status), failures, openMs: 0 }, random);
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThanOrEqual(30_000);
        },
      ),
    );
  });
});
