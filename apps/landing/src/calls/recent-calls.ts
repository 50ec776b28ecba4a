/** The last calls that this replica made, newest first: a bounded list. Pure. */

/** What became of a call. */
export interface CallOutcome {
  readonly pattern: string;
  /** The name of the replica that answered or, with an error, that was asked last; null when nobody could be asked. */
  readonly member: string | null;
  readonly tookMs: number;
  /** A stable code; null for a call that was answered. */
  readonly error: string | null;
}

export interface RecentCall extends CallOutcome {
  /** Counts the calls of this process. */
  readonly id: number;
  /** When it ended, in milliseconds since the Unix epoch, by the clock of this replica. */
  readonly at: number;
}

export const MAX_RECENT_CALLS = 20;

export class RecentCalls {
  #calls: readonly RecentCall[] = [];
  #count = 0;

  list(): readonly RecentCall[] {
    return this.#calls;
  }

  add(outcome: CallOutcome, at: number): void {
    const call = { id: ++this.#count, at, ...outcome, tookMs: Math.round(outcome.tookMs * 10) / 10 };
    this.#calls = [call, ...this.#calls].slice(0, MAX_RECENT_CALLS);
  }
}
