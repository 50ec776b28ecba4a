/** Everything the page shows, made of what is known of the replicas and of what each of them says. Pure. */
import { isRunning, type Replica } from '../fleet/replica.js';
import { MAX_REPLICAS } from '../fleet/replica-plan.js';
import type { Activity } from './activity-log.js';
import type { Observation, SeenCall, SeenFlag, SeenLink } from './observation.js';

/** A replica as the watcher knows it. */
export interface Watched {
  readonly replica: Replica;
  /** Of its running or, when it has ended, of its last process. */
  readonly incarnation: string | undefined;
  /** What it said last; undefined while it does not answer. */
  readonly observation: Observation | undefined;
}

export interface ReplicaView {
  readonly name: string;
  readonly app: string;
  readonly state: Replica['state'];
  readonly pid: number | null;
  readonly url: string | null;
  readonly end: string;
  /** Null while it does not answer. */
  readonly fresh: boolean | null;
  readonly reasons: readonly string[];
  /** The other replicas in its own eyes: up, suspect, lost, left, or, of those that run, unknown. Empty while it does not answer. */
  readonly sees: readonly { readonly name: string; readonly status: string }[];
  /** The last calls that it made, newest first. Empty while it does not answer. */
  readonly calls: readonly SeenCall[];
}

/**
 * `link`: both ends report it. `half`: one does. The others are what one of the two, which answers, says of the other;
 * the worst of it if they disagree.
 */
export type EdgeKind = 'link' | 'half' | 'suspect' | 'lost' | 'left';

/** What is between two replicas, names in order. */
export interface EdgeView {
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
  readonly roundTripMs: number | null;
}

export interface CellView {
  readonly replica: string;
  /** Null where the replica does not answer, or knows no such flag. */
  readonly held: { readonly enabled: boolean; readonly version: number } | null;
  /** Whether this replica answers, and does not hold the newest version that any of them holds. */
  readonly differs: boolean;
}

export interface FlagRowView {
  readonly key: string;
  readonly description: string;
  /** The newest that any replica holds. */
  readonly enabled: boolean;
  readonly version: number;
  /** One for each replica, in the order of `replicas`. */
  readonly cells: readonly CellView[];
}

export interface PlaygroundView {
  readonly replicas: readonly ReplicaView[];
  readonly edges: readonly EdgeView[];
  readonly flags: readonly FlagRowView[];
  /** Rows that there were no place for. */
  readonly flagsNotShown: number;
  readonly activity: readonly Activity[];
  readonly maxReplicas: number;
}

const MAX_FLAGS = 60;
/** Of one replica; it remembers a few more. */
const MAX_CALLS = 6;

export function playgroundView(watched: readonly Watched[], activity: readonly Activity[]): PlaygroundView {
  const keys = [
    ...new Set(watched.flatMap(({ observation }) => observation?.flags.map(({ key }) => key) ?? [])),
  ].sort();
  const replicas = watched.map((one) => replicaView(one, watched));
  return {
    replicas,
    edges: edgesOf(watched, replicas),
    flags: keys.slice(0, MAX_FLAGS).map((key) => flagRow(key, watched)),
    flagsNotShown: Math.max(0, keys.length - MAX_FLAGS),
    activity,
    maxReplicas: MAX_REPLICAS,
  };
}

function replicaView({ replica, observation }: Watched, all: readonly Watched[]): ReplicaView {
  const { name, app, state, pid, url, end } = replica;
  const answers = observation !== undefined && isRunning(replica);
  const statusOf = (incarnation: string | undefined): string =>
    observation?.members.find((member) => member.incarnation === incarnation)?.status ?? 'unknown';
  return {
    name,
    app,
    state,
    pid: pid ?? null,
    url: url ?? null,
    end,
    fresh: answers ? observation.fresh : null,
    reasons: answers ? observation.reasons : [],
    sees: answers
      ? all
          .filter((other) => other.replica.name !== name)
          .map((other) => ({ other, status: statusOf(other.incarnation) }))
          // Who came after another one had ended never hears of that.
          .filter(({ other, status }) => status !== 'unknown' || isRunning(other.replica))
          .map(({ other, status }) => ({ name: other.replica.name, status }))
      : [],
    calls: answers ? observation.calls.slice(0, MAX_CALLS) : [],
  };
}

function edgesOf(watched: readonly Watched[], replicas: readonly ReplicaView[]): readonly EdgeView[] {
  return watched.flatMap((a, i) =>
    watched.slice(i + 1).flatMap((b) => {
      const links = [linkOf(a, b), linkOf(b, a)].filter((link) => link !== undefined);
      const statuses = [statusOf(replicas, a, b), statusOf(replicas, b, a)];
      const kind = kindOf(statuses, links.length);
      const roundTripMs = links.find((link) => link.roundTripMs !== null)?.roundTripMs ?? null;
      return kind === undefined
        ? []
        : [{ from: a.replica.name, to: b.replica.name, kind, roundTripMs: rounded(roundTripMs) }];
    }),
  );
}

function linkOf({ observation }: Watched, { incarnation }: Watched): SeenLink | undefined {
  return observation?.links.find((link) => link.incarnation === incarnation);
}

function statusOf(replicas: readonly ReplicaView[], observer: Watched, other: Watched): string | undefined {
  const view = replicas.find(({ name }) => name === observer.replica.name);
  return view?.sees.find(({ name }) => name === other.replica.name)?.status;
}

function kindOf(statuses: readonly (string | undefined)[], links: number): EdgeKind | undefined {
  const worst = (['lost', 'suspect', 'left'] as const).find((status) => statuses.includes(status));
  if (worst !== undefined) return worst;
  if (links === 0) return undefined;
  return links === 2 ? 'link' : 'half';
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 10) / 10;
}

function flagRow(key: string, watched: readonly Watched[]): FlagRowView {
  const held = watched.map(({ replica, observation }) => ({
    replica: replica.name,
    answers: observation !== undefined,
    flag: observation?.flags.find((flag) => flag.key === key),
  }));
  const newest = held.map(({ flag }) => flag).reduce((a, b) => ((b?.version ?? 0) > (a?.version ?? 0) ? b : a));
  const differs = (flag: SeenFlag | undefined): boolean =>
    flag?.version !== newest?.version || flag?.enabled !== newest?.enabled;
  return {
    key,
    description: newest?.description ?? '',
    enabled: newest?.enabled ?? false,
    version: newest?.version ?? 0,
    cells: held.map(({ replica, answers, flag }) => ({
      replica,
      held: flag === undefined ? null : { enabled: flag.enabled, version: flag.version },
      differs: answers && differs(flag),
    })),
  };
}
