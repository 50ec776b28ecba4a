/** How long to wait before dialling again. Pure. */

export interface BackoffLimits {
  readonly baseMs: number;
  readonly capMs: number;
}

/** For a peer that does not answer. */
export const RETRY: BackoffLimits = { baseMs: 100, capMs: 5_000 };

/** For a member whose link broke: once the way is open again, what was published meanwhile should be there within a second. */
export const RETRY_SUSPECT: BackoffLimits = { baseMs: 100, capMs: 400 };

/** For one that hung up: a process that is ending refuses a moment later, which is evidence. */
export const RETRY_RESET: BackoffLimits = { baseMs: 25, capMs: 5_000 };

/** For one that answered and refused us for a reason that only a person can mend. */
export const RETRY_REJECTED: BackoffLimits = { baseMs: 5_000, capMs: 60_000 };

/**
 * Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015): anywhere between nothing and the exponential bound.
 *
 * @param attempt failures in a row, 1 for the first
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  const bound = Math.min(limits.capMs, limits.baseMs * 2 ** Math.min(attempt - 1, 20));
  return bound * random;
}
