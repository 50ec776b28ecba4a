/**
 * Whether what this node knows is recent, and why not (contract C5). Pure; evaluated when read, so a thawed process tells
 * the truth at once.
 */
import { addressKey, type PeerAddress } from 'rookery/discovery';
import { printable } from '@rookery/runtime';
import { type DialOutcome, PROVEN_EMPTY } from './dial/dialer.js';
import type { UnusableEntry } from './dial/discovery-loop.js';
import { MAX_ADDRESSES } from './dial/strategy-poll.js';
import { staleLimitMs } from './link/liveness.js';

/** The word, before the first colon, that every reason for not being fresh begins with. Words are added, never changed. */
export type FreshnessKind =
  /** A strategy of discovery never answered: whom it would list is not known. */
  | 'no-discovery-answer'
  /** The last answer of a strategy has an entry that cannot be dialled: whether somebody is there is not known. */
  | 'unusable-address'
  /** A known peer, which may be alive, could not be proven caught up with for the stale limit. */
  | 'unproven-peer'
  /** An address that discovery lists was neither linked nor proven empty. */
  | 'unreached-address'
  /** The oldest event that a handler of this node is not done with is older than the limit. */
  | 'handler-lag'
  /** This node has left the cluster, and hears nothing any more. */
  | 'left';

export interface Freshness {
  readonly fresh: boolean;
  /**
   * Why not, one text each: a {@link FreshnessKind}, a colon, then what, with whom, since when, and what to do. Empty when
   * fresh. For people: they name members, hosts and handlers. Programs read {@link freshnessKind}.
   */
  readonly reasons: readonly string[];
}

/** An address that discovery lists and that nobody is known to be at. */
export interface UnprovenAddress {
  readonly address: string;
  readonly strategies: readonly string[];
  readonly outcome: DialOutcome;
  /** When it was last known whether somebody is there, or first listed. Monotonic milliseconds. */
  readonly since: number;
}

/** What the judgement rests on. All times are monotonic milliseconds. */
export interface FreshnessFacts {
  readonly startedAt: number;
  /** When this node left; undefined while it has not. */
  readonly leftAt: number | undefined;
  /** Strategies that never answered: whom they would list is not known. */
  readonly unanswered: readonly string[];
  /** What the last answers of strategies list that cannot be dialled, escaped and cut. */
  readonly unusable: readonly UnusableEntry[];
  /** Peers that may be alive. */
  readonly peers: readonly {
    readonly name: string;
    readonly address: PeerAddress;
    readonly status: string;
    readonly freshAt: number;
    readonly nextMs: number;
  }[];
  readonly unproven: readonly UnprovenAddress[];
  /** The handler that is furthest behind, and since when. */
  readonly slowestHandler: { readonly label: string; readonly behindSince: number } | undefined;
}

/** A handler may be this far behind. */
const HANDLER_LAG_MS = 6_000;

/** So many reasons of one kind are told one by one; a person reads them. */
const MAX_REASONS_OF_A_KIND = 16;

const KINDS: ReadonlySet<string> = new Set<FreshnessKind>([
  'no-discovery-answer',
  'unusable-address',
  'unproven-peer',
  'unreached-address',
  'handler-lag',
  'left',
]);

/** Which kind a reason of {@link Freshness.reasons} is; undefined for a text that is none. */
export function freshnessKind(reason: string): FreshnessKind | undefined {
  const word = reason.slice(0, Math.max(0, reason.indexOf(':')));
  return KINDS.has(word) ? (word as FreshnessKind) : undefined;
}

export function judgeFreshness(facts: FreshnessFacts, now: number): Freshness {
  const { startedAt, leftAt, slowestHandler } = facts;
  // Whoever is gone knows nothing new, and nothing of the rest can be mended.
  if (leftAt !== undefined) {
    const text = `this node left the cluster ${seconds(now - leftAt)} ago and hears nothing any more. Start a new one.`;
    return { fresh: false, reasons: [`left: ${text}`] };
  }
  const reasons = [
    ...ofKind('no-discovery-answer', facts.unanswered, (strategy) => {
      const since = `discovery ${strategy} has not answered since the start, ${seconds(now - startedAt)} ago`;
      return `${since}: whom it would list is not known. It is asked again by itself; the log says why it fails.`;
    }),
    ...ofKind('unusable-address', facts.unusable, ({ strategy, entry }) => {
      const what = `discovery ${strategy} lists ${entry}, which cannot be dialled`;
      return `${what}: whether a member listens there is not known. Mend what it lists: { host, port }, ${MAX_ADDRESSES} at most.`;
    }),
    ...ofKind('unproven-peer', facts.peers.filter(isUnproven(now)), (peer) => {
      const who = `${printable(peer.name)} (${addressKey(peer.address)}, ${peer.status})`;
      const limit = seconds(staleLimitMs(peer.nextMs));
      const mend = PEER_MENDS[peer.status] ?? '';
      return `${who} was last proven caught up ${seconds(now - peer.freshAt)} ago, the limit is ${limit}.${mend}`;
    }),
    ...ofKind(
      'unreached-address',
      facts.unproven.filter(mayHideSomebody),
      ({ address, strategies, outcome, since }) => {
        const mend = ADDRESS_MENDS[outcome] ?? ANSWERED_MEND;
        return `${address}, listed by ${strategies.join(' and ')}, was not reached for ${seconds(now - since)} (${outcome}).${mend}`;
      },
    ),
  ];
  if (slowestHandler !== undefined && now - slowestHandler.behindSince > HANDLER_LAG_MS) {
    const behind = `${slowestHandler.label} is ${seconds(now - slowestHandler.behindSince)} behind`;
    reasons.push(`handler-lag: ${behind}, the limit is 6.0 s. Give what it waits for a time limit, or do less in it.`);
  }
  return { fresh: reasons.length === 0, reasons };
}

/** What to do about a peer, by its status. */
const PEER_MENDS: Readonly<Record<string, string>> = {
  up: ' It is linked, but what it published has not all arrived, or its heartbeats are late: look at the network and at the load of both.',
  suspect: ' Its link broke and is dialled again: mend the network, or forget() it if it will not return.',
  'heard-of':
    ' Another member hears it, and there is no link to it: look at firewalls between the two, and at advertise.',
};

const UNREACHABLE_MEND = ' Somebody may be there: mend the network, or remove the record if nobody is.';
const ANSWERED_MEND =
  ' Somebody answered there, and no link came of it: see the log of that node. It is dialled again.';

/** What to do about an address, by what came of the last dial. */
const ADDRESS_MENDS: Partial<Record<DialOutcome, string>> = {
  new: ' It is about to be dialled.',
  dialling: ' It is being dialled.',
  timeout: UNREACHABLE_MEND,
  silent: ' Something takes connections there and says nothing: a busy member, or a service of somebody else.',
  unreachable: UNREACHABLE_MEND,
  version: ' A member of this cluster speaks another version of the protocol: run releases that can be mixed.',
};

function isUnproven(now: number) {
  return ({ freshAt, nextMs }: FreshnessFacts['peers'][number]): boolean => now - freshAt > staleLimitMs(nextMs);
}

function mayHideSomebody({ outcome }: UnprovenAddress): boolean {
  return !PROVEN_EMPTY.has(outcome);
}

/** A reason for each, and one for those that are too many. */
function ofKind<T>(kind: FreshnessKind, causes: readonly T[], describe: (cause: T) => string): string[] {
  const reasons = causes.slice(0, MAX_REASONS_OF_A_KIND).map((cause) => `${kind}: ${describe(cause)}`);
  if (causes.length > reasons.length) reasons.push(`${kind}: and ${causes.length - reasons.length} more.`);
  return reasons;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
