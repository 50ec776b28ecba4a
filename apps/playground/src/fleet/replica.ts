/** What is known of a replica as a process, and how its end is put into words. Pure. */
import type { App } from './replica-plan.js';
import type { ReplicaExit } from './replica-process.js';

/** `stopped` said goodbye when it was asked to; `dead` ended in any other way. */
export type ReplicaState = 'starting' | 'up' | 'stopping' | 'stopped' | 'dead';

export interface Replica {
  readonly name: string;
  readonly app: App;
  readonly state: ReplicaState;
  readonly pid: number | undefined;
  readonly url: string | undefined;
  /** How it ended; empty while it runs. */
  readonly end: string;
}

/** Something became of a replica. */
export interface ReplicaEvent {
  readonly replica: Replica;
  /** What there is to tell beside the state: how long it took, or the last lines of its log. */
  readonly detail: readonly string[];
}

/** What it was asked to do, when it was. */
export type Request = 'kill' | 'stop';

export function isRunning({ state }: Pick<Replica, 'state'>): boolean {
  return state === 'starting' || state === 'up' || state === 'stopping';
}

export function stateAfter({ signal, error }: ReplicaExit, asked: Request | undefined): ReplicaState {
  return asked === 'stop' && signal !== 'SIGKILL' && error === undefined ? 'stopped' : 'dead';
}

export function describeExit({ code, signal, error }: ReplicaExit, asked: Request | undefined): string {
  if (error !== undefined) return `could not be started: ${error.message}`;
  if (asked === 'stop' && signal === 'SIGKILL') return 'did not end in time, and was killed';
  if (asked === 'stop') return 'ended as it was asked to';
  if (signal === 'SIGKILL')
    return asked === 'kill' ? 'killed with SIGKILL' : 'was killed with SIGKILL by somebody else';
  return signal === null ? `ended by itself with code ${code}` : `ended by ${signal}`;
}
