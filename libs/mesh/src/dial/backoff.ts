/** How long to wait before dialling again. Pure. */

export interface BackoffLimits {
  /** Never sooner. @default 0 */
  readonly floorMs?: number;
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
export const RETRY_REJECTED: BackoffLimits = { floorMs: 5_000, baseMs: 6_000, capMs: 60_000 };

/** For one that took the connection and did not prove to be of ours, now or ever: it may be a service of somebody else. */
export const RETRY_STRANGER: BackoffLimits = { floorMs: 5_000, baseMs: 6_000, capMs: 10_000 };

/**
 * Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015): anywhere between the floor and the exponential bound.
 *
 * @param attempt failures in a row, 1 for the first
 * @param random in [0, 1)
 */
export function backoffMs(attempt: number, limits: BackoffLimits, random: number): number {
  const { floorMs = 0, baseMs, capMs } = limits;
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20));
  return floorMs + (bound - floorMs) * random;
}
