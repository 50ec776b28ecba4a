/** Builds the TypeORM data source for either kind of database. */
import libsql from 'libsql';
import { DataSource } from 'typeorm';
import { FlagEntity } from './flag.entity.js';
import type { ResolvedFeatureFlagsOptions } from './feature-flags.options.js';

/**
 * How long the SQLite driver itself waits for a lock. It waits inside the only thread of the process, where it stops
 * the heartbeats of the cluster too, so this is short; the rest of the patience is `flag-database.ts`, which retries.
 */
const DRIVER_LOCK_WAIT_MS = 250;

/** A handful is plenty: the pages never read from the database. */
const POOL_SIZE = 4;
const CONNECT_TIMEOUT_MS = 3_000;
/** The server gives up first, so that a statement we no longer wait for cannot be committed later. */
const STATEMENT_TIMEOUT_MS = 4_000;
/** A server that fell silent must become an error, or a person waits for ever. */
const QUERY_TIMEOUT_MS = 5_000;

/** @param onIdleError hears of connections that break while nobody uses them; without it they end the process. */
export function flagDataSource(
  { location, readOnly }: ResolvedFeatureFlagsOptions,
  onIdleError: (error: unknown) => void,
): DataSource {
  if (location.kind === 'postgres') {
    return new DataSource({
      type: 'postgres',
      url: location.url,
      entities: [FlagEntity],
      installExtensions: false,
      applicationName: 'rookery-flags',
      poolSize: POOL_SIZE,
      connectTimeoutMS: CONNECT_TIMEOUT_MS,
      poolErrorHandler: onIdleError,
      extra: {
        keepAlive: true,
        statement_timeout: STATEMENT_TIMEOUT_MS,
        query_timeout: QUERY_TIMEOUT_MS,
        ...(readOnly && { options: '-c default_transaction_read_only=on' }),
      },
    });
  }
  return new DataSource({
    type: 'better-sqlite3',
    driver: libsql,
    database: location.path,
    entities: [FlagEntity],
    timeout: DRIVER_LOCK_WAIT_MS,
    // Turning the journal to WAL is a write, and stays with the file: who writes, does it.
    enableWAL: !readOnly,
    // libsql knows no read-only open; SQLite's own switch does as well.
    ...(readOnly && {
      prepareDatabase: (database: { pragma(text: string): unknown }) => void database.pragma('query_only = ON'),
    }),
  });
}
