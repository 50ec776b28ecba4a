/** Learns from TypeORM when a connection commits or rolls back, and tells whoever asked for the transaction how publishing went. */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { ClusterUsageError } from '../errors.js';
import { nestLogger } from '../nest-logger.js';
import { CommitLedger } from './commit-ledger.js';

/** For who called `transaction(...)`: what came of the publications after the commit; never rejects. */
interface Receipt {
  readonly dataSource: DataSource;
  readonly outcomes: Promise<Error | undefined>[];
}

const ledgers = new WeakMap<QueryRunner, CommitLedger>();
const receipts = new AsyncLocalStorage<Receipt>();

// TypeORM's subscribers know exactly when a connection commits, but run outside of the code that made the publications;
// the asynchronous context knows that code, but not the database. Each does its own part here.
const subscriber: EntitySubscriberInterface = {
  afterTransactionStart: ({ queryRunner }) => ledgerOf(queryRunner).begin(),
  afterTransactionCommit: ({ queryRunner }) => {
    const published = ledgerOf(queryRunner).commit(!queryRunner.isTransactionActive);
    if (published !== undefined) report(queryRunner, published);
  },
  afterTransactionRollback: ({ queryRunner }) => ledgerOf(queryRunner).rollback(!queryRunner.isTransactionActive),
};

/**
 * Makes the ledgers follow the transactions of a data source. To be called again before each of them, since TypeORM
 * forgets its subscribers when a data source is initialized anew.
 *
 * @throws ClusterUsageError `CLUSTER_DATA_SOURCE_NOT_READY`
 */
export function watchCommits(dataSource: DataSource): void {
  if (!dataSource.isInitialized) {
    throw new ClusterUsageError(
      'CLUSTER_DATA_SOURCE_NOT_READY',
      'The data source is not initialized, so its transactions cannot be watched. Call this after ' +
        'dataSource.initialize(), or inject the DataSource of TypeOrmModule, which is initialized.',
    );
  }
  if (!dataSource.subscribers.includes(subscriber)) dataSource.subscribers.push(subscriber);
}

/** What waits for this connection to commit. */
export function commitLedgerOf(queryRunner: QueryRunner): CommitLedger {
  watchCommits(dataSourceOf(queryRunner));
  const ledger = ledgerOf(queryRunner);
  // Begun before anything of ours watched this data source.
  if (queryRunner.isTransactionActive && !ledger.isOpen) ledger.begin();
  return ledger;
}

/**
 * Runs a transaction, and fails after it when its publications did.
 *
 * Not from within the commit: TypeORM would answer with a rollback, and on a connection that several transactions share
 * that would be the rollback of another one. Nor does a connection wait for confirmations this way.
 */
export async function reportingTo<T>(dataSource: DataSource, transaction: () => Promise<T>): Promise<T> {
  watchCommits(dataSource);
  const receipt: Receipt = { dataSource, outcomes: [] };
  let result: T;
  try {
    result = await receipts.run(receipt, transaction);
  } catch (error) {
    // Committed, and failed afterwards: the caller hears of the latter.
    for (const outcome of receipt.outcomes) void outcome.then(log);
    throw error;
  }
  const failure = (await Promise.all(receipt.outcomes)).find((outcome) => outcome !== undefined);
  if (failure !== undefined) throw failure;
  return result;
}

function report(queryRunner: QueryRunner, published: Promise<void>): void {
  const outcome = published.then(
    () => undefined,
    (error: unknown) => error as Error, // What a ledger throws: a ClusterUsageError.
  );
  const receipt = receipts.getStore();
  if (receipt?.dataSource === dataSourceOf(queryRunner)) receipt.outcomes.push(outcome);
  else void outcome.then(log);
}

function log(failure: Error | undefined): void {
  if (failure !== undefined) nestLogger().error(failure.message);
}

function ledgerOf(queryRunner: QueryRunner): CommitLedger {
  let ledger = ledgers.get(queryRunner);
  if (ledger === undefined) ledgers.set(queryRunner, (ledger = new CommitLedger()));
  return ledger;
}

function dataSourceOf(queryRunner: QueryRunner): DataSource {
  return queryRunner.connection; // Deprecated since TypeORM 1, and the only name of it in 0.3.
}
