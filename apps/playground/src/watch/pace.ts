/** How often to look at the replicas. Pure. */

const FAST_MS = 250;
const SLOW_MS = 2_000;
/** After an action its consequences are worth watching, page or not. */
const INTEREST_MS = 10_000;

export function pollDelayMs(openPages: number, sinceActionMs: number): number {
  return openPages > 0 || sinceActionMs < INTEREST_MS ? FAST_MS : SLOW_MS;
}
