/**
 * The flags in the database. Every write is one statement in which the database itself counts the version up, so
 * concurrent writers of one key always get distinct versions, and nothing is read before it is written.
 */
import { Inject, Injectable } from '@nestjs/common';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import type { ResolvedFeatureFlagsOptions } from './feature-flags.options.js';
import type { FlagRecord } from './flag.js';
import { FlagDatabase } from './flag-database.js';
import { FlagEntity } from './flag.entity.js';

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

/** What TypeORM makes of `RETURNING`: the rows of a Postgres `UPDATE` come beside their count, all others by themselves. */
type Returned = FlagEntity[] | [rows: FlagEntity[], count: number];

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

  /** Makes or changes a flag; resolves once that is committed. */
  async put(key: string, { enabled, description }: FlagInput): Promise<FlagWrite> {
    const now = this.options.clock.wallNow();
    const text = description ?? null;
    const returned = await this.database.run(
      (dataSource) => dataSource.sql<Returned>`
        INSERT INTO feature_flags ("key", enabled, description, version, created_version, deleted, updated_at)
        VALUES (${key}, ${enabled}, COALESCE(CAST(${text} AS TEXT), ''), 1, 1, FALSE, ${now})
        ON CONFLICT ("key") DO UPDATE SET
          enabled = excluded.enabled,
          description = COALESCE(
            CAST(${text} AS TEXT),
            CASE WHEN feature_flags.deleted THEN '' ELSE feature_flags.description END
          ),
          version = feature_flags.version + 1,
          created_version = CASE
            WHEN feature_flags.deleted THEN feature_flags.version + 1
            ELSE feature_flags.created_version
          END,
          deleted = FALSE,
          updated_at = excluded.updated_at
        RETURNING "key", enabled, description, version, deleted,
          created_version AS "createdVersion", updated_at AS "updatedAt"`,
    );
    const row = firstRow(returned);
    if (row === undefined) throw new Error('An upsert returned no row.');
    return { record: recordOf(row), created: row.version === row.createdVersion };
  }

  /** Deletes a flag, keeping its row and version; resolves once that is committed, to undefined when there is no such flag. */
  async delete(key: string): Promise<FlagRecord | undefined> {
    const now = this.options.clock.wallNow();
    const returned = await this.database.run(
      (dataSource) => dataSource.sql<Returned>`
        UPDATE feature_flags
        SET deleted = TRUE, enabled = FALSE, description = '', version = version + 1, updated_at = ${now}
        WHERE "key" = ${key} AND NOT deleted
        RETURNING "key", enabled, description, version, deleted,
          created_version AS "createdVersion", updated_at AS "updatedAt"`,
    );
    const row = firstRow(returned);
    return row && recordOf(row);
  }
}

function firstRow([first]: Returned): FlagEntity | undefined {
  return Array.isArray(first) ? first[0] : first;
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
