/**
 * Runs a write of a flag and notes it in the history: both in one transaction, or neither.
 *
 * Never a transaction of several round trips. Between two of them a Postgres server would hold the row for a client that may
 * have fallen silent, and on the one connection of an SQLite file somebody else's statement would run inside of it. So Postgres
 * gets one statement that does both, and SQLite runs both in one go, without a turn of the event loop in between.
 */
import type { Database } from 'libsql';
import type { DataSource } from 'typeorm';
import type { FlagEntity } from './flag.entity.js';

/** Rows of one key that are kept; the oldest go when a newer one comes. */
export const MAX_CHANGES_PER_KEY = 1_000;

/** A write of one row, with `?` for each value in turn. */
export interface FlagStatement {
  readonly text: string;
  readonly values: readonly (string | number | boolean | null)[];
}

const RETURNING = `
  RETURNING "key", enabled, description, version, deleted, created_version AS "createdVersion", updated_at AS "updatedAt"`;

const COLUMNS = '"key", version, enabled, deleted, changed_at, changed_by';

/** @returns the row after the write; undefined when there was none to write */
export function notedWrite(
  dataSource: DataSource,
  statement: FlagStatement,
  by: string,
): Promise<FlagEntity | undefined> {
  return dataSource.options.type === 'postgres'
    ? writeToPostgres(dataSource, statement, by)
    : writeToFile(dataSource, statement, by);
}

/** Every write counts the version up by one, so the versions of a key tell how many rows it has. */
async function writeToPostgres(
  dataSource: DataSource,
  { text, values }: FlagStatement,
  by: string,
): Promise<FlagEntity | undefined> {
  const rows = await dataSource.query<FlagEntity[]>(
    numbered(`
      WITH written AS (${text} ${RETURNING}),
      noted AS (
        INSERT INTO feature_flag_changes (${COLUMNS})
        SELECT "key", version, enabled, deleted, "updatedAt", CAST(? AS TEXT) FROM written
      ),
      pruned AS (
        DELETE FROM feature_flag_changes AS old USING written
        WHERE old."key" = written."key" AND old.version <= written.version - ${MAX_CHANGES_PER_KEY}
      )
      SELECT * FROM written`),
    [...values, by],
  );
  return rows[0];
}

/** `$1`, `$2`, ... as Postgres wants them. */
function numbered(text: string): string {
  let count = 0;
  return text.replaceAll('?', () => `$${++count}`);
}

/** Asynchronous only so that what it throws is a rejection. */
// eslint-disable-next-line @typescript-eslint/require-await
async function writeToFile(
  dataSource: DataSource,
  { text, values }: FlagStatement,
  by: string,
): Promise<FlagEntity | undefined> {
  // TypeORM does not type the connection of its driver.
  const { databaseConnection: file } = dataSource.driver as unknown as { databaseConnection: Database };
  const writeBoth = file.transaction((): FlagEntity | undefined => {
    // The driver ends the process when it is given a boolean.
    const bound = values.map((value) => (typeof value === 'boolean' ? Number(value) : value));
    const row = file.prepare(text + RETURNING).get(bound) as FlagEntity | undefined;
    if (row === undefined) return undefined;
    file
      .prepare(`INSERT INTO feature_flag_changes (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)`)
      .run([row.key, row.version, Number(row.enabled), Number(row.deleted), row.updatedAt, by]);
    file
      .prepare('DELETE FROM feature_flag_changes WHERE "key" = ? AND version <= ?')
      .run([row.key, row.version - MAX_CHANGES_PER_KEY]);
    return row;
  });
  return writeBoth.immediate(); // the lock first: a transaction that finds out later that it may not write would fail
}
