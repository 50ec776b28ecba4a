/** What the dashboard shows of a node, as plain data. */
import type { Cluster, DialStats, Freshness, Member, StrategyStats } from 'rookery';

/** A link to a peer. */
export interface LinkView {
  /** The peer's incarnation; its name and address are in `members`. */
  readonly member: string;
  readonly name: string;
  /** Whether this node dialled. */
  readonly isDialled: boolean;
  readonly remoteAddress: string;
  /** Milliseconds; null before the first answer, and on the end that does not dial. */
  readonly roundTripMs: number | null;
  /** Publications that the peer did not acknowledge yet. */
  readonly lag: number;
  /** Publications that were not even sent yet: one that grows tells of a slow peer or network. */
  readonly cursorLag: number;
  /** The highest number received from the peer; its own `log.head` says how far that is behind. */
  readonly received: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

/** A member that this node does not reach itself now, or hardly, and who carries what it publishes. */
export interface DetourView {
  /** For whom: the incarnation and the name. */
  readonly member: string;
  readonly name: string;
  /** Who carries: the incarnation and the name. */
  readonly via: string;
  readonly viaName: string;
}

/** One node's view of the cluster. Members' metadata is shown, as every member sees it anyway; no cookies, no keys. */
export interface ClusterView {
  readonly self: Member;
  /** Everybody else that this node knows: up, suspect, lost and left. */
  readonly members: readonly Member[];
  readonly links: readonly LinkView[];
  /** Empty unless a link is missing or stuck while another member hears both ends. */
  readonly detours: readonly DetourView[];
  readonly freshness: Freshness;
  /** This node's own publications: the newest sequence number, the oldest one held, and the bytes held. */
  readonly log: { readonly head: number; readonly first: number; readonly bytes: number };
  /** What every strategy of discovery said last. */
  readonly strategies: readonly StrategyStats[];
  /** What came of every address that it lists, or that a member told of. */
  readonly discovery: readonly DialStats[];
  /** Turns in which more than a window was published: each was a gap for every other node. */
  readonly overruns: number;
}

/** What {@link clusterView} reads. */
export type ViewedCluster = Pick<Cluster, 'self' | 'members' | 'stats' | 'freshness'>;

export function clusterView(cluster: ViewedCluster): ClusterView {
  const { log, links, detours, strategies, discovery, overruns } = cluster.stats();
  return {
    self: cluster.self,
    members: [...cluster.members(), ...cluster.members('lost'), ...cluster.members('left')],
    // Named one by one: what stats learn to tell later may not be meant for a web page.
    links: links.map((link) => ({
      member: link.member.incarnation,
      name: link.member.name,
      isDialled: link.isDialled,
      remoteAddress: link.remoteAddress,
      roundTripMs: link.roundTripMs ?? null,
      lag: link.lag,
      cursorLag: link.cursorLag,
      received: link.received,
      bytesSent: link.bytesSent,
      bytesReceived: link.bytesReceived,
    })),
    detours: detours.map(({ member, via }) => ({
      member: member.incarnation,
      name: member.name,
      via: via.incarnation,
      viaName: via.name,
    })),
    freshness: cluster.freshness(),
    log: { head: log.head, first: log.first, bytes: log.bytes },
    strategies: strategies.map(({ name, state, addresses, answeredMsAgo, failure, note }) => ({
      name,
      state,
      addresses,
      answeredMsAgo,
      failure,
      note,
    })),
    discovery: discovery.map((dial) => ({
      address: dial.address,
      strategies: dial.strategies,
      outcome: dial.outcome,
      member: dial.member,
      attempts: dial.attempts,
      detail: dial.detail,
      mend: dial.mend,
    })),
    overruns,
  };
}
