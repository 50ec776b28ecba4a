/** Everything the page shows, made of what is known of the replicas and of what each of them says. Pure. */
import { isRunning, type Replica } from '../fleet/replica.js';
import { compareNames, MAX_REPLICAS } from '../fleet/replica-plan.js';
import type { Activity } from './activity-log.js';
import type { Observation, SeenFlag } from './observation.js';

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
  /** The other replicas in its own eyes: up, suspect, lost, left or unknown. Empty while it does not answer. */
  readonly sees: readonly { readonly name: string; readonly status: string }[];
}

/** Between two replicas, names in order. */
export interface LinkView {
  readonly from: string;
  readonly to: string;
  /** Who reports it: both ends, for a link that works. */
  readonly reportedBy: readonly string[];
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
  readonly links: readonly LinkView[];
  readonly flags: readonly FlagRowView[];
  /** Rows that there were no place for. */
  readonly flagsNotShown: number;
  readonly activity: readonly Activity[];
  readonly maxReplicas: number;
}

const MAX_FLAGS = 60;

export function playgroundView(watched: readonly Watched[], activity: readonly Activity[]): PlaygroundView {
  const keys = [
    ...new Set(watched.flatMap(({ observation }) => observation?.flags.map(({ key }) => key) ?? [])),
  ].sort();
  return {
    replicas: watched.map((one) => replicaView(one, watched)),
    links: linksOf(watched),
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
          .map((other) => ({ name: other.replica.name, status: statusOf(other.incarnation) }))
      : [],
  };
}

function linksOf(watched: readonly Watched[]): readonly LinkView[] {
  const names = new Map(watched.map(({ incarnation, replica }) => [incarnation, replica.name]));
  const links = new Map<string, { from: string; to: string; reportedBy: string[]; roundTripMs: number | null }>();
  for (const { replica, observation } of watched) {
    for (const { incarnation, roundTripMs } of observation?.links ?? []) {
      const peer = names.get(incarnation);
      if (peer === undefined) continue; // of a process that was followed by another one already
      const [from = '', to = ''] = [replica.name, peer].sort(compareNames);
      const link = links.get(`${from} ${to}`) ?? { from, to, reportedBy: [], roundTripMs: null };
      link.reportedBy.push(replica.name);
      link.roundTripMs ??= roundTripMs === null ? null : Math.round(roundTripMs * 10) / 10;
      links.set(`${from} ${to}`, link);
    }
  }
  return [...links.values()].sort((a, b) => compareNames(a.from, b.from) || compareNames(a.to, b.to));
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
