/** Whether what this node knows is recent, and why not (contract C5). Pure; evaluated when read, so a thawed process tells the truth at once. */
import { type DialOutcome, PROVEN_EMPTY } from './dial/dialer.js';
import { staleLimitMs } from './link/liveness.js';

export interface Freshness {
  readonly fresh: boolean;
  /** Why not, one sentence each; empty when fresh. */
  readonly reasons: readonly string[];
}

/** An address that discovery lists and that nobody is known to be at. */
export interface UnprovenAddress {
  readonly address: string;
  readonly strategy: string;
  readonly outcome: DialOutcome;
}

export interface FreshnessFacts {
  /** Strategies that never answered: whom they would list is not known. */
  readonly unanswered: readonly string[];
  /** Peers that may be alive. */
  readonly peers: readonly {
    readonly name: string;
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

export function judgeFreshness(facts: FreshnessFacts, now: number): Freshness {
  const reasons: string[] = [];
  for (const strategy of facts.unanswered) reasons.push(`Discovery ${strategy} has not answered yet.`);
  for (const peer of facts.peers) {
    const age = now - peer.freshAt;
    if (age <= staleLimitMs(peer.nextMs)) continue;
    reasons.push(`${peer.name} (${peer.status}) was last proven caught up ${(age / 1000).toFixed(1)} s ago.`);
  }
  for (const { address, strategy, outcome } of facts.unproven) {
    if (!PROVEN_EMPTY.has(outcome)) reasons.push(`${address}, listed by ${strategy}, was not reached (${outcome}).`);
  }
  const { slowestHandler } = facts;
  if (slowestHandler !== undefined && now - slowestHandler.behindSince > HANDLER_LAG_MS) {
    const seconds = ((now - slowestHandler.behindSince) / 1000).toFixed(1);
    reasons.push(`handler-lag: ${slowestHandler.label} is ${seconds} s behind.`);
  }
  return { fresh: reasons.length === 0, reasons };
}
