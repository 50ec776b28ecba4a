/** Makes the tables, however many replicas start at the same moment. */
import { type DataSource, QueryFailedError } from 'typeorm';

/** Understood by SQLite and Postgres alike. */
const CREATE_TABLES = [
  `
  CREATE TABLE IF NOT EXISTS feature_flags (
    "key" VARCHAR(64) NOT NULL PRIMARY KEY,
    enabled BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_version INTEGER NOT NULL,
    deleted BOOLEAN NOT NULL,
    updated_at BIGINT NOT NULL
  )`,
  // What became of a flag, write by write. Rows are added together with the write, and never changed.
  `
  CREATE TABLE IF NOT EXISTS feature_flag_changes (
    "key" VARCHAR(64) NOT NULL,
    version INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    deleted BOOLEAN NOT NULL,
    changed_at BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY ("key", version)
  )`,
];

const MAX_TRIES = 5;

/**
 * Postgres checks `IF NOT EXISTS` before it takes the lock, so of several replicas that start together all but one
 * may be told that a table (or its row type) is a duplicate. By then it exists, and the next try sees it.
 */
export async function createSchema(dataSource: DataSource): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      for (const statement of CREATE_TABLES) await dataSource.query(statement);
      return;
    } catch (error) {
      if (tries === MAX_TRIES || !isDuplicate(error)) throw error;
    }
  }
}

/** `unique_violation` in the catalogue, `duplicate_table`, and `duplicate_object` for the row type. */
const DUPLICATE_CODES: readonly unknown[] = ['23505', '42P07', '42710'];

function isDuplicate(error: unknown): boolean {
  return error instanceof QueryFailedError && DUPLICATE_CODES.includes((error.driverError as { code?: unknown }).code);
}
