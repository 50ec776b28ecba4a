/**
 * Publishing only what was committed: publications made inside a transaction wait for its end. A holder of them travels
 * with the asynchronous context; nothing here knows a database.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { describeError } from '@rookery/runtime';
import { ClusterUsageError } from '../errors.js';

/** Something to do once the transaction is committed, such as publishing. */
export type CommitAction = () => unknown;

/** The port to a kind of transaction: keeps actions until the transaction ends, and runs or drops them then. */
export interface CommitHold {
  /** Whether a transaction is open that can be waited for. */
  readonly isOpen: boolean;
  /** Keeps an action until the outermost transaction commits; a rollback drops it. */
  hold(action: CommitAction): void;
}

const holds = new AsyncLocalStorage<CommitHold>();

/** Runs `work`, with `hold` keeping what it and everything it calls wants to happen after the commit. */
export function holdDuring<T>(hold: CommitHold, work: () => T): T {
  return holds.run(hold, work);
}

/** The holder to give actions to, if the caller runs inside an open transaction. */
export function openHold(): CommitHold | undefined {
  const hold = holds.getStore();
  return hold?.isOpen === true ? hold : undefined;
}

/**
 * Runs `action` after the surrounding transaction commits, or at once outside of any; never after a rollback.
 * `@ClusterBroadcast` does this by itself; this is for `cluster.publish(...)` in a method that may be called in one.
 *
 * @returns what the action returned if it ran at once
 *
 * @example
 * afterCommit(() => this.cluster.publish('flag.changed', { key, enabled }));
 */
export function afterCommit<T>(action: () => T): T | undefined {
  const hold = openHold();
  if (hold === undefined) return action();
  hold.hold(action);
  return undefined;
}

/**
 * Runs actions in order, all of them in this turn, and waits for those that returned a promise.
 * @throws ClusterUsageError `CLUSTER_AFTER_COMMIT` when some failed; the others ran
 */
export async function runCommitted(actions: readonly CommitAction[]): Promise<void> {
  // An async function runs up to its first await when it is called: the order of the actions is kept.
  const settled = await Promise.allSettled(actions.map(async (action) => await action()));
  const errors = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (errors.length === 0) return;
  throw new ClusterUsageError(
    'CLUSTER_AFTER_COMMIT',
    `The transaction IS committed, but ${errors.length} of ${actions.length} publications held for it failed, so other ` +
      `nodes do not know of all changes. Do not run the transaction again; mend the cause and publish again: ${describeError(errors[0])}`,
    { cause: errors.length === 1 ? errors[0] : new AggregateError(errors) },
  );
}

/**
 * A unit of work after which things happen, for any database. For TypeORM there is more in `rookery/typeorm`.
 *
 * @example
 * await CommitScope.run(() => prisma.$transaction(async (tx) => this.orders.place(tx, order)));
 */
export class CommitScope implements CommitHold {
  private readonly actions: CommitAction[] = [];
  private isDone = false;

  private constructor(private readonly outer: CommitHold | undefined) {}

  /**
   * Runs `work` and holds every publication that `@ClusterBroadcast` and {@link afterCommit} would make meanwhile. They
   * are made when `work` succeeds and the surrounding scope, if any, does too; they are dropped when it fails.
   * So `work` must be what commits: succeed after the commit, fail after a rollback.
   *
   * @throws what `work` throws; ClusterUsageError `CLUSTER_AFTER_COMMIT` when a publication failed after the commit
   */
  static async run<T>(work: () => T | Promise<T>): Promise<T> {
    const scope = new CommitScope(openHold());
    let result: T;
    try {
      result = await holdDuring(scope, work);
    } finally {
      scope.isDone = true;
    }
    await scope.release();
    return result;
  }

  /** Open while its work runs; afterwards what was left running inside belongs to the surrounding scope. */
  get isOpen(): boolean {
    return !this.isDone || this.outer?.isOpen === true;
  }

  hold(action: CommitAction): void {
    if (this.isDone) this.outer?.hold(action);
    else this.actions.push(action);
  }

  private async release(): Promise<void> {
    if (this.outer?.isOpen !== true) return runCommitted(this.actions);
    for (const action of this.actions) this.outer.hold(action);
  }
}
