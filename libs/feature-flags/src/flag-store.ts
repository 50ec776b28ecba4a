/**
 * The flags in the database. In every write the database itself counts the version up, so concurrent writers of one key
 * always get distinct versions, and nothing is read before it is written. Every write is noted in the history.
 */
import { Inject, Injectable } from '@nestjs/common';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import type { ResolvedFeatureFlagsOptions } from './feature-flags.options.js';
import type { FlagRecord } from './flag.js';
import { FlagDatabase } from './flag-database.js';
import { FlagEntity } from './flag.entity.js';
import { type FlagStatement, notedWrite } from './noted-write.js';

/** What a write sets. */
export interface FlagInput {
  readonly enabled: boolean;
  /** Left as it is when not given; empty for a new flag. */
  readonly description?: string;
}

/** A write that is in the database. */
export interface FlagWrite {
  readonly record: FlagRecord;
  /** Whether the key did not exist before, or had been deleted. */
  readonly created: boolean;
}

@Injectable()
export class FlagStore {
  constructor(
    private readonly database: FlagDatabase,
    @Inject(FEATURE_FLAGS_OPTIONS) private readonly options: ResolvedFeatureFlagsOptions,
  ) {}

  /** Every row, deleted ones included: their versions matter to the copies. */
  async all(): Promise<FlagRecord[]> {
    const rows = await this.database.run((dataSource) => dataSource.getRepository(FlagEntity).find());
    return rows.map(recordOf);
  }

  /** The row of a key, also when it is deleted; undefined when it was never made. */
  async one(key: string): Promise<FlagRecord | undefined> {
    const row = await this.database.run((dataSource) => dataSource.getRepository(FlagEntity).findOneBy({ key }));
    return row === null ? undefined : recordOf(row);
  }

  /**
   * Makes or changes a flag, and notes that in its history; resolves once both are committed.
   * @param by the replica that does it, for the history
   */
  async put(key: string, { enabled, description }: FlagInput, by: string): Promise<FlagWrite> {
    const now = this.options.clock.wallNow();
    const text = description ?? null;
    const row = await this.#write(
      {
        text: `
          INSERT INTO feature_flags ("key", enabled, description, version, created_version, deleted, updated_at)
          VALUES (?, ?, COALESCE(CAST(? AS TEXT), ''), 1, 1, FALSE, ?)
          ON CONFLICT ("key") DO UPDATE SET
            enabled = excluded.enabled,
            description = COALESCE(
              CAST(? AS TEXT),
              CASE WHEN feature_flags.deleted THEN '' ELSE feature_flags.description END
            ),
            version = feature_flags.version + 1,
            created_version = CASE
              WHEN feature_flags.deleted THEN feature_flags.version + 1
              ELSE feature_flags.created_version
            END,
            deleted = FALSE,
            updated_at = excluded.updated_at`,
        values: [key, enabled, text, now, text],
      },
      by,
    );
    if (row === undefined) throw new Error('An upsert returned no row.');
    return { record: recordOf(row), created: row.version === row.createdVersion };
  }

  /**
   * Deletes a flag, keeping its row and version, and notes that in its history; resolves once both are committed, to
   * undefined when there is no such flag.
   * @param by the replica that does it, for the history
   */
  async delete(key: string, by: string): Promise<FlagRecord | undefined> {
    const row = await this.#write(
      {
        text: `
          UPDATE feature_flags
          SET deleted = TRUE, enabled = FALSE, description = '', version = version + 1, updated_at = ?
          WHERE "key" = ? AND NOT deleted`,
        values: [this.options.clock.wallNow(), key],
      },
      by,
    );
    return row && recordOf(row);
  }

  #write(statement: FlagStatement, by: string): Promise<FlagEntity | undefined> {
    return this.database.run((dataSource) => notedWrite(dataSource, statement, by));
  }
}

/** The drivers differ in how they hand out booleans (0 and 1) and large integers (text). */
function recordOf(row: FlagEntity): FlagRecord {
  return {
    key: row.key,
    enabled: Boolean(row.enabled),
    description: row.description,
    version: row.version,
    deleted: Boolean(row.deleted),
    updatedAt: new Date(Number(row.updatedAt)).toISOString(),
  };
}
