/** When a suspect counts as lost. Silence alone is no evidence: a peer that is cut off from us may be alive elsewhere. Pure. */

/** What is known against a member that has no link. Times are monotonic milliseconds. */
export interface Evidence {
  /** When the member was last linked, or first heard of. */
  readonly aloneSince: number;
  /** Refusals in a row, at an address where this incarnation once accepted our dial or that is on this host. */
  readonly refusals: number;
  readonly firstRefusedAt: number;
  readonly lastRefusedAt: number;
  /** Whether this very incarnation once accepted our dial at the address that refuses now. */
  readonly acceptedOurDial: boolean;
  /** Whether the refused address is one of this very host. */
  readonly isOnThisHost: boolean;
  /** Another incarnation that is linked to us and listens at its address. */
  readonly successor: string | undefined;
  /** Whether a dial of its address led back to this very process: whoever was there before us is gone. */
  readonly leadsToUs: boolean;
  /** Whether a member linked to us hears it. */
  readonly isHeardByOthers: boolean;
  /** Successful discovery answers in a row that did not list its address, since the link broke. */
  readonly absentAnswers: number;
  /** Dials in a row that came to nothing, whatever the reason. */
  readonly failedDials: number;
}

const REFUSALS_APART_MS = 500;
const GIVE_UP_MS = 10 * 60_000;

/** Why the member counts as lost, in words for people, or undefined while it stays suspect. */
export function reasonForLoss(evidence: Evidence, now: number): string | undefined {
  const { refusals, isHeardByOthers } = evidence;
  if (refusals >= 1 && evidence.isOnThisHost) return 'its address on this host refuses connections';
  if (
    refusals >= 2 &&
    evidence.acceptedOurDial &&
    evidence.lastRefusedAt - evidence.firstRefusedAt >= REFUSALS_APART_MS &&
    !isHeardByOthers
  ) {
    return 'its address refuses connections';
  }
  if (evidence.successor !== undefined) return `${evidence.successor} listens at its address now`;
  if (evidence.leadsToUs && !isHeardByOthers) return 'this node listens at its address now';
  if (evidence.absentAnswers >= 2 && evidence.failedDials >= 1 && !isHeardByOthers) {
    return 'discovery does not list it any more, and nobody reaches it';
  }
  if (now - evidence.aloneSince >= GIVE_UP_MS) return 'not heard for 10 minutes';
  return undefined;
}
