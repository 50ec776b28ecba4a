/** When a link is spoken on, and when its silence means something. Pure. */

/** What one heartbeat round costs at the IP level beside its frame: two packets and a bare acknowledgement, shared by both ends. */
const ROUND_OVERHEAD_BYTES = 100;
const HEARTBEAT_FRAME_BYTES = 20;
const MIN_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 12_000;

/** Intervals vary by this share, so that the links of a node do not speak in step; looking at them every 250 ms does the rest. */
export const INTERVAL_JITTER = 0.02;

/**
 * How often a node speaks on each of its links, so that `links` of them together stay within `idleBytesPerSecond`.
 * At least every 12 s, at most every second.
 */
export function heartbeatIntervalMs(links: number, idleBytesPerSecond: number): number {
  const budget = ((ROUND_OVERHEAD_BYTES + HEARTBEAT_FRAME_BYTES) * links * 1000) / idleBytesPerSecond;
  return Math.min(Math.max(MIN_INTERVAL_MS, budget), MAX_INTERVAL_MS);
}

/** How long a peer that announced to speak every `nextMs` may be silent before its link is closed. */
export function silenceLimitMs(nextMs: number): number {
  return Math.max(4_000, 3 * nextMs + 1_000);
}

/** How old the proof that we are caught up with such a peer may be before we call ourselves stale. */
export function staleLimitMs(nextMs: number): number {
  return Math.max(6_000, 2.2 * nextMs + 1_500);
}

/** What a peer may announce: a hostile or broken one must not switch its own supervision off. */
export function boundedNextMs(nextMs: number): number {
  return Math.min(Math.max(nextMs, MIN_INTERVAL_MS), MAX_INTERVAL_MS * (1 + 2 * INTERVAL_JITTER));
}
