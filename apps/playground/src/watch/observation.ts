/** What a replica says of the cluster and of its flags, as far as the page shows it. Pure. */
import type { ClusterView } from 'rookery/dashboard';
import type { JsonAnswer } from '../json-request.js';

export interface SeenMember {
  readonly incarnation: string;
  readonly name: string;
  /** up, suspect, lost or left. */
  readonly status: string;
}

export interface SeenLink {
  readonly incarnation: string;
  /** Null on the end that does not dial. */
  readonly roundTripMs: number | null;
}

export interface SeenFlag {
  readonly key: string;
  readonly enabled: boolean;
  readonly version: number;
  readonly description: string;
}

/** A call that a replica made. */
export interface SeenCall {
  /** Counts the calls of one process. */
  readonly id: number;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly pattern: string;
  /** The name of the replica that answered or, with an error, that was asked last; null when nobody could be asked. */
  readonly member: string | null;
  readonly tookMs: number;
  /** A stable code; null for a call that was answered. */
  readonly error: string | null;
}

/** One replica's own view at one moment. */
export interface Observation {
  readonly incarnation: string;
  readonly members: readonly SeenMember[];
  readonly links: readonly SeenLink[];
  readonly fresh: boolean;
  /** Why not, of the mesh and of the flags together. */
  readonly reasons: readonly string[];
  readonly flags: readonly SeenFlag[];
  /** The last ones, newest first. */
  readonly calls: readonly SeenCall[];
}

/**
 * Undefined when the answers are not those of a sample application.
 * @param calls undefined for an application that makes none
 */
export function readObservation(
  cluster: JsonAnswer,
  flags: JsonAnswer,
  calls: JsonAnswer | undefined,
): Observation | undefined {
  if (cluster.status !== 200 || !isView(cluster.body)) return undefined;
  const { self, members, links, freshness } = cluster.body;
  const held = readFlags(flags);
  return {
    incarnation: self.incarnation,
    members: members.map(({ incarnation, name, status }) => ({ incarnation, name, status })),
    links: links.map(({ member, roundTripMs }) => ({ incarnation: member, roundTripMs })),
    fresh: freshness.fresh && !held.stale,
    reasons: [...new Set([...freshness.reasons, ...held.reasons])],
    flags: held.flags,
    calls: calls === undefined ? [] : readCalls(calls),
  };
}

interface HeldFlags {
  readonly flags: readonly SeenFlag[];
  readonly stale: boolean;
  readonly reasons: readonly string[];
}

function readFlags({ status, body }: JsonAnswer): HeldFlags {
  if (status !== 200 || typeof body !== 'object' || body === null || !Array.isArray((body as HeldFlags).flags)) {
    return { flags: [], stale: true, reasons: ['it does not tell its flags'] };
  }
  const { flags, stale, reasons } = body as HeldFlags;
  return {
    flags: flags.map(({ key, enabled, version, description }) => ({ key, enabled, version, description })),
    stale,
    reasons,
  };
}

function readCalls({ status, body }: JsonAnswer): readonly SeenCall[] {
  const { calls } = Object(body) as { calls?: readonly SeenCall[] };
  if (status !== 200 || !Array.isArray(calls)) return [];
  return calls.map(({ id, at, pattern, member, tookMs, error }: SeenCall) => ({
    id,
    at,
    pattern,
    member,
    tookMs,
    error,
  }));
}

function isView(body: unknown): body is ClusterView {
  if (typeof body !== 'object' || body === null) return false;
  const { self, members, links, freshness } = body as Partial<ClusterView>;
  return (
    typeof self?.incarnation === 'string' &&
    Array.isArray(members) &&
    Array.isArray(links) &&
    Array.isArray(freshness?.reasons)
  );
}
