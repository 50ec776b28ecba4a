/** What became of a flag, write by write, as far as the database still knows: see `noted-write.ts`. */
import { Injectable } from '@nestjs/common';
import { FlagDatabase } from './flag-database.js';
import { MAX_CHANGES_PER_KEY } from './noted-write.js';

/** One write of a flag. */
export interface FlagChange {
  readonly key: string;
  readonly version: number;
  /** As it was after the change. */
  readonly enabled: boolean;
  /** Whether the change was its deletion. */
  readonly deleted: boolean;
  /** ISO 8601, by the clock of the writing replica. */
  readonly at: string;
  /** The name of the replica that wrote it. */
  readonly by: string;
}

/** The largest that the column holds. */
const MAX_VERSION = 2_147_483_647;
/** Rows that are read at once, and held in memory while the reader is busy with them. */
const PAGE_SIZE = 50;

interface Row {
  readonly key: string;
  readonly version: number;
  readonly enabled: boolean | number;
  readonly deleted: boolean | number;
  readonly changedAt: string | number;
  readonly changedBy: string;
}

@Injectable()
export class FlagHistory {
  constructor(private readonly database: FlagDatabase) {}

  /**
   * The changes of a flag, the newest first, read page by page as they are taken. What is changed meanwhile does not
   * appear in it. Empty for a flag that nobody made since there is a history.
   *
   * @param limit how many at most. @default all that are kept, which are {@link MAX_CHANGES_PER_KEY}
   */
  async *changes(key: string, limit = MAX_CHANGES_PER_KEY): AsyncGenerator<FlagChange, void, undefined> {
    let before = MAX_VERSION;
    for (let left = limit; left > 0;) {
      const size = Math.min(PAGE_SIZE, left);
      const page = await this.#page(key, before, size);
      yield* page;
      const oldest = page.at(-1);
      if (oldest === undefined || page.length < size) return;
      before = oldest.version;
      left -= page.length;
    }
  }

  async #page(key: string, before: number, size: number): Promise<FlagChange[]> {
    const rows = await this.database.run(
      (dataSource) => dataSource.sql<Row[]>`
        SELECT "key", version, enabled, deleted, changed_at AS "changedAt", changed_by AS "changedBy"
        FROM feature_flag_changes
        WHERE "key" = ${key} AND version < ${before}
        ORDER BY version DESC
        LIMIT ${size}`,
    );
    return rows.map(changeOf);
  }
}

/** The drivers differ in how they hand out booleans (0 and 1) and large integers (text). */
function changeOf({ key, version, enabled, deleted, changedAt, changedBy }: Row): FlagChange {
  const at = new Date(Number(changedAt)).toISOString();
  return { key, version, enabled: Boolean(enabled), deleted: Boolean(deleted), at, by: changedBy };
}
