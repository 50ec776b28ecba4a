/** Publishing after the commit, for TypeORM: `rookery/typeorm`. */
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { holdDuring, openHold } from '../events/after-commit.js';
import { commitLedgerOf, reportingTo, watchCommits } from './commit-watcher.js';

/** An isolation level, as `dataSource.transaction` takes it. */
export type IsolationLevel = Extract<Parameters<EntityManager['transaction']>[0], string>;

type Work<T = unknown> = (manager: EntityManager) => Promise<T>;

const installed = new WeakSet<DataSource>();

/**
 * From now on, every `dataSource.transaction(...)` and `manager.transaction(...)` of this data source holds what
 * `@ClusterBroadcast` and `afterCommit` would publish inside, and publishes it after the outermost commit. Rolled back
 * savepoints and transactions publish nothing. If a publication fails after the commit, the call rejects with
 * `CLUSTER_AFTER_COMMIT`. Idempotent. Managers count that exist already, those of repositories included, and those of
 * query runners that are made from now on.
 *
 * What is published between `queryRunner.startTransaction()` and `commitTransaction()` is *not* held by this: such a
 * transaction has no function around it that would tell what belongs to it. It takes part with {@link holdUntilCommit}.
 *
 * @throws ClusterUsageError `CLUSTER_DATA_SOURCE_NOT_READY`
 *
 * @example
 * export class AppModule {
 *   constructor(dataSource: DataSource) {
 *     publishAfterCommit(dataSource);
 *   }
 * }
 */
export function publishAfterCommit(dataSource: DataSource): void {
  watchCommits(dataSource);
  if (installed.has(dataSource)) return;
  installed.add(dataSource);
  follow(dataSource.manager, dataSource);
  const make = dataSource.createEntityManager.bind(dataSource);
  // TypeORM makes the managers of its query runners with it, too.
  dataSource.createEntityManager = (queryRunner) => follow(make(queryRunner), dataSource);
}

function follow(manager: EntityManager, dataSource: DataSource): EntityManager {
  const begin = manager.transaction.bind(manager) as (...args: unknown[]) => Promise<unknown>;
  const transaction = (first: IsolationLevel | Work, second?: Work): Promise<unknown> =>
    reportingTo(dataSource, () =>
      typeof first === 'function' ? begin(holding(first)) : begin(first, second && holding(second)),
    );
  return Object.assign(manager, { transaction });
}

/**
 * Runs `work` in a transaction, and publishes what it published after the commit; nothing after a rollback. For
 * applications that would rather mark single transactions than use {@link publishAfterCommit} for all.
 *
 * @throws what `work` or the database throws; ClusterUsageError `CLUSTER_DATA_SOURCE_NOT_READY`, and
 * `CLUSTER_AFTER_COMMIT` when a publication failed after the commit
 *
 * @example
 * await transactional(dataSource, async (manager) => {
 *   await this.flags.setEnabled(manager, 'checkout', true); // has @ClusterBroadcast
 *   await this.audit.write(manager, 'checkout enabled');
 * });
 */
export function transactional<T>(dataSource: DataSource, work: Work<T>, isolation?: IsolationLevel): Promise<T> {
  return reportingTo(dataSource, () =>
    isolation === undefined ? dataSource.transaction(holding(work)) : dataSource.transaction(isolation, holding(work)),
  );
}

/**
 * Runs `work`, holding what it publishes until the transaction of `queryRunner` ends, whoever ends it and how. Outside
 * of a transaction nothing is held. A publication that fails after the commit is logged: who commits by hand would take
 * an error for a failed commit.
 *
 * @throws what `work` throws; ClusterUsageError `CLUSTER_DATA_SOURCE_NOT_READY`
 *
 * @example
 * await queryRunner.startTransaction();
 * try {
 *   await holdUntilCommit(queryRunner, () => this.flags.setEnabled(queryRunner.manager, 'checkout', true));
 *   await queryRunner.commitTransaction(); // publishes
 * } catch (error) {
 *   await queryRunner.rollbackTransaction();
 *   throw error;
 * }
 */
export function holdUntilCommit<T>(queryRunner: QueryRunner, work: () => T): T {
  return holdDuring(commitLedgerOf(queryRunner).current(openHold()), work);
}

function holding<T>(work: Work<T>): Work<T> {
  return (manager) => holdUntilCommit(manager.queryRunner!, () => work(manager));
}
