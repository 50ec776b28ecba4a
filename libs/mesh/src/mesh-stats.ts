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
  /** The strategies that list it; none when only a member told of it, or nobody any more. */
  readonly strategies: readonly string[];
  readonly outcome: DialOutcome;
  /** Whom we found there last. */
  readonly member: string | undefined;
  /** Failures in a row. */
  readonly attempts: number;
  /** What was said at the last failure. Partly in the words of the far end, escaped and cut. */
  readonly detail: string | undefined;
  /** What to do about the outcome; undefined where nothing is to be done. */
  readonly mend: string | undefined;
}

/** What one strategy of discovery said last. */
export interface StrategyStats {
  /** Its name; with a number where several have the same one (`dns`, `dns-2`). */
  readonly name: string;
  /** `waiting` before its first answer, `failed` while it does not know: its last answer stays in force. */
  readonly state: 'waiting' | 'answered' | 'failed';
  /** The addresses of its last answer: what is in force. */
  readonly addresses: readonly string[];
  /** How long ago that answer came, in milliseconds; undefined before the first. */
  readonly answeredMsAgo: number | undefined;
  /** Why it failed, while it does. */
  readonly failure: string | undefined;
  /** What it has to explain about its last answer, such as why it is empty. */
  readonly note: string | undefined;
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
  /** What every strategy of discovery said last ... */
  readonly strategies: readonly StrategyStats[];
  /** ... and what came of every address. */
  readonly discovery: readonly DialStats[];
  /** Turns in which more than a window was published: each was a gap for every other node. */
  readonly overruns: number;
}
