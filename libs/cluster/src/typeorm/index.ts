/** Publishing after the commit, for TypeORM: `rookery/typeorm`. */
import type { DataSource, EntityManager, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { holdDuring } from '../events/after-commit.js';
import { ClusterUsageError } from '../errors.js';
import { CommitLedger } from './commit-ledger.js';

/** An isolation level, as `dataSource.transaction` takes it. */
export type IsolationLevel = Extract<Parameters<EntityManager['transaction']>[0], string>;

const ledgers = new WeakMap<QueryRunner, CommitLedger>();
const installed = new WeakSet<DataSource>();

// TypeORM's subscribers know exactly when a connection commits or rolls back, but run outside of the code that made the
// publications; the asynchronous context knows that code, but not the database. Each does its own part here.
const commitWatcher: EntitySubscriberInterface = {
  afterTransactionStart: ({ queryRunner }) => ledgerOf(queryRunner).begin(),
  afterTransactionCommit: ({ queryRunner }) => ledgerOf(queryRunner).commit(!queryRunner.isTransactionActive),
  afterTransactionRollback: ({ queryRunner }) => ledgerOf(queryRunner).rollback(!queryRunner.isTransactionActive),
};

/**
 * From now on, every `dataSource.transaction(...)` and `manager.transaction(...)` of this data source holds what
 * `@ClusterBroadcast` and `afterCommit` would publish inside, and publishes it after the outermost commit. Rolled back
 * savepoints and transactions publish nothing. If a publication fails after the commit, the call rejects with
 * `CLUSTER_AFTER_COMMIT`. Idempotent.
 *
 * Transactions that are begun by hand on a query runner take part with {@link holdUntilCommit}.
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
  watch(dataSource);
  if (installed.has(dataSource)) return;
  installed.add(dataSource);
  const { manager } = dataSource;
  const begin = manager.transaction.bind(manager) as (...args: unknown[]) => Promise<unknown>;
  const transaction = (...args: [Work] | [IsolationLevel, Work]): Promise<unknown> => {
    // Initializing the data source anew makes TypeORM forget its subscribers.
    watch(dataSource);
    const work = args.at(-1) as Work;
    return begin(...args.slice(0, -1), (inner: EntityManager) => holdUntilCommit(inner.queryRunner!, () => work(inner)));
  };
  Object.assign(manager, { transaction });
}

/**
 * Runs `work` in a transaction, and publishes what it published after the commit; nothing after a rollback. For
 * applications that would rather mark single transactions than use {@link publishAfterCommit} for all.
 *
 * @throws what `work` or the database throws; ClusterUsageError `CLUSTER_AFTER_COMMIT` when a publication failed after
 * the commit
 *
 * @example
 * await transactional(dataSource, async (manager) => {
 *   await this.flags.setEnabled(manager, 'checkout', true); // has @ClusterBroadcast
 *   await this.audit.write(manager, 'checkout enabled');
 * });
 */
export async function transactional<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
  isolation?: IsolationLevel,
): Promise<T> {
  watch(dataSource);
  const held = (manager: EntityManager): Promise<T> => holdUntilCommit(manager.queryRunner!, () => work(manager));
  return isolation === undefined ? dataSource.transaction(held) : dataSource.transaction(isolation, held);
}

/**
 * Runs `work`, holding what it publishes until the transaction of `queryRunner` ends, whoever ends it and how. Outside
 * of a transaction nothing is held.
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
  watch(queryRunner.connection); // Deprecated since TypeORM 1, and the only name of it in 0.3.
  const ledger = ledgerOf(queryRunner);
  // Begun before anything of ours watched this data source.
  if (queryRunner.isTransactionActive && !ledger.isOpen) ledger.begin();
  return holdDuring(ledger, work);
}

type Work = (manager: EntityManager) => Promise<unknown>;

function ledgerOf(queryRunner: QueryRunner): CommitLedger {
  let ledger = ledgers.get(queryRunner);
  if (ledger === undefined) ledgers.set(queryRunner, (ledger = new CommitLedger()));
  return ledger;
}

function watch(dataSource: DataSource): void {
  if (!dataSource.isInitialized) {
    throw new ClusterUsageError(
      'CLUSTER_DATA_SOURCE_NOT_READY',
      'The data source is not initialized, so its transactions cannot be watched. Call this after ' +
        'dataSource.initialize(), or inject the DataSource of TypeOrmModule, which is initialized.',
    );
  }
  if (!dataSource.subscribers.includes(commitWatcher)) dataSource.subscribers.push(commitWatcher);
}
