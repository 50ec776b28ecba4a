/** The numbers of a running mesh, for dashboards, metrics and people in trouble. */
import type { DialOutcome } from './dial/dialer.js';
import type { Member } from './membership/member.js';

export interface LinkStats {
  readonly member: Member;
  /** Whether this node dialled. */
  readonly isDialled: boolean;
  readonly remoteAddress: string;
  /** Which key the link was authenticated with. */
  readonly keyId: string;
  /** Of the last PING that was answered: since the link began, on the end that does not dial. Undefined before the first answer. */
  readonly roundTripMs: number | undefined;
  /** Publications that the peer did not acknowledge yet. */
  readonly lag: number;
  /** Publications that were not even sent yet. */
  readonly cursorLag: number;
  /** The peer's highest sequence number received. */
  readonly received: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** What came of an address: listed by discovery, or learned from a member. */
export interface DialStats {
  readonly address: string;
  /** The strategy that lists it; undefined when only a member told of it. */
  readonly strategy: string | undefined;
  readonly outcome: DialOutcome;
  /** Whom we found there last. */
  readonly member: string | undefined;
}

/** A member that this node does not reach itself now: another one carries what is published here. */
export interface DetourStats {
  readonly member: Member;
  readonly via: Member;
}

export interface MeshStats {
  /** This node's own publications: the newest number, the oldest one held, and the bytes held. */
  readonly log: { readonly head: number; readonly first: number; readonly bytes: number };
  readonly links: readonly LinkStats[];
  /** Empty unless a link is missing or stuck while another member hears both ends. */
  readonly detours: readonly DetourStats[];
  readonly discovery: readonly DialStats[];
  /** Turns in which more than a window was published: each was a gap for every other node. */
  readonly overruns: number;
}
