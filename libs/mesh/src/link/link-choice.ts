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
 * is half-open. But of two that crossed, the one that is bound stays: both were opened just now, so both are whole, and
 * calls that are under way on it would be lost.
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
  return !areCrossing || candidate.isDialled === current.isDialled;
}
