/** Puts what happened into words. Pure. */
import type { ReplicaEvent } from '../fleet/replica.js';
import { compareNames } from '../fleet/replica-plan.js';
import type { ActivityNote, Tone } from './activity-log.js';
import type { SeenMember } from './observation.js';

const SEEN: Record<string, { tone: Tone; words: string }> = {
  up: { tone: 'good', words: 'is up' },
  suspect: { tone: 'warn', words: 'is suspect' },
  lost: { tone: 'bad', words: 'is lost' },
  left: { tone: 'plain', words: 'left: it said goodbye' },
};

export function describeMember({ name, status }: SeenMember, observers: readonly string[]): ActivityNote {
  const { tone, words } = SEEN[status] ?? { tone: 'plain', words: `is ${status}` };
  return { tone, title: `${name} ${words}`, detail: `seen by ${listed(observers)}` };
}

/** Nothing for the states that only lead to others. */
export function describeReplica({ replica, detail }: ReplicaEvent): ActivityNote | undefined {
  const { name, state, pid, end } = replica;
  switch (state) {
    case 'up':
      return { tone: 'good', title: `${name} is ready`, detail: [`process ${pid}`, ...detail].join(', ') };
    case 'stopping':
      return { tone: 'plain', title: `${name} is asked to stop`, detail: 'SIGTERM: it says goodbye, then ends' };
    case 'stopped':
      return { tone: 'plain', title: `${name} has stopped`, detail: end };
    case 'dead':
      return { tone: 'bad', title: `${name} is dead`, detail: [end, ...detail].join('\n') };
    case 'starting':
      return undefined;
  }
}

/** The answer of an api to a change of a flag, as far as it is told here. */
export interface FlipAnswer {
  readonly flag: { readonly key: string; readonly enabled: boolean; readonly version: number };
  readonly live: {
    readonly confirmed: readonly string[];
    readonly failed: readonly string[];
    readonly pending: readonly string[];
    readonly tookMs: number;
    readonly error?: string;
  };
}

export function describeFlip({ flag, live }: FlipAnswer, via: string, created: boolean): ActivityNote {
  const { confirmed, failed, pending, tookMs, error } = live;
  const parts = [
    `through ${via}`,
    ...(error !== undefined ? [`stored, but not announced: ${error}`] : []),
    ...(confirmed.length > 0 ? [`live on ${listed(confirmed)}${pending.length > 0 ? '' : ` in ${tookMs} ms`}`] : []),
    ...(failed.length > 0 ? [`failed on ${listed(failed)}`] : []),
    ...(pending.length > 0 ? [`no answer from ${listed(pending)} within ${tookMs} ms`] : []),
    ...(error === undefined && confirmed.length + failed.length + pending.length === 0 ? ['nobody else is there'] : []),
  ];
  const isLive = error === undefined && failed.length + pending.length === 0;
  return {
    tone: isLive ? 'good' : 'warn',
    title: `${flag.key} is ${created ? 'made, and ' : ''}${flag.enabled ? 'on' : 'off'} (version ${flag.version})`,
    detail: parts.join('; '),
    spread: { from: via, to: confirmed },
  };
}

export function describeRefusal(key: string, via: string, reason: string): ActivityNote {
  return { tone: 'bad', title: `${key} was not changed`, detail: `${via}: ${reason}` };
}

function listed(names: readonly string[]): string {
  return [...names].sort(compareNames).join(', ');
}
