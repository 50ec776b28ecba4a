/** Which of several links to one peer lives. Pure; asked by the lower incarnation alone, so both ends always agree. */

/** Dials that cross within this time are one event; beyond it, a second dial means that the peer lost the first link. */
export const CROSSING_MS = 3_000;

export interface LinkCandidate {
  /** Whether the deciding end dialled it. */
  readonly isDialled: boolean;
  /** When its handshake ended, in monotonic milliseconds. */
  readonly readyAt: number;
}

/**
 * Whether `candidate` replaces `current`. A peer only dials when it holds no link, so the newest one wins: the old one
 * is half-open. But when both dialled at the same moment, the deciding end's own dial is kept, whatever the order.
 *
 * @param peerDroppedCurrent the peer said in its HELLO that it gave `current` up
 */
export function replacesCurrent(
  candidate: LinkCandidate,
  current: LinkCandidate,
  peerDroppedCurrent: boolean,
): boolean {
  if (peerDroppedCurrent) return true;
  const areCrossing = Math.abs(candidate.readyAt - current.readyAt) <= CROSSING_MS;
  if (!areCrossing || candidate.isDialled === current.isDialled) return candidate.readyAt >= current.readyAt;
  return candidate.isDialled;
}
