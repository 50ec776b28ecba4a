/** Where the flags are kept and how a copy heals: options, defaults, and the one place that checks them. */
import { resolve } from 'node:path';
import { type Clock, type Random, systemClock, systemRandom } from '@rookery/runtime';
import { FlagsError } from './errors.js';

/**
 * What a read is answered with while the copy may be out of date, which is for as long as `status().stale`:
 *
 * - `serve`: from memory, marked as stale. Never waits, never asks anybody. A change may not be seen for as long as it lasts.
 * - `bypass`: {@link FeatureFlagsService.read} asks the database for that one flag. As recent as the database, at the price of
 *   its latency and load; when it fails or is late, from memory, marked as stale. What is not asynchronous reads from memory.
 * - `flush`: what is held is dropped, and not served again before all of it was loaded anew and nothing is in doubt any more.
 *   `read` asks the database; where that fails, and for everything that is not asynchronous, a flag has the fallback that the
 *   caller gives. Nothing doubtful is ever served, at the price that flags fall back to their safe value when both the
 *   cluster and the database are in trouble, and that each such time costs a load of the whole table.
 */
export type WhenStale = 'serve' | 'bypass' | 'flush';

export const WHEN_STALE: readonly WhenStale[] = ['serve', 'bypass', 'flush'];

export interface FeatureFlagsOptions {
  /** A Postgres database, `postgres://user:password@host/name`. Instead of `file`. */
  databaseUrl?: string;
  /** An SQLite file shared by the replicas of one machine; relative to the working directory. @default 'data/flags.db' */
  file?: string;
  /** Whether this process only reads: it then never creates the database, its table, or its folder. */
  readOnly: boolean;
  /**
   * After a gap each replica waits a random part of this time before it reloads, so that all of them together do
   * not fall upon the database at once. Longer is gentler to the database, and stale for longer. @default 500
   */
  reloadSpreadMs?: number;
  /** The first pause after a load that failed; doubles up to {@link retryMaxMs}, and is drawn at random below that. @default 200 */
  retryMinMs?: number;
  /** The longest pause between two tries. @default 5000 */
  retryMaxMs?: number;
  /** What reads are answered with while the copy may be out of date: see {@link WhenStale}. @default 'serve' */
  whenStale?: WhenStale;
  /**
   * How long `read` waits for the database while the copy may be out of date, its turn included, in milliseconds. Longer rides
   * out a slow database, and keeps requests waiting. @default 1000
   */
  staleReadTimeoutMs?: number;
  /**
   * Reads of single flags that are under way at the same time, for the whole process. All who ask for one flag share a read.
   * The database's pool has 4 connections; what is left of them serves loads and writes. @default 2
   */
  maxStaleReads?: number;
  /** Calls of `read` that may wait for the database at the same time; further ones are answered as if it had failed. @default 1000 */
  maxStaleReaders?: number;
  /** Where time comes from. @default the system's clock */
  clock?: Clock;
  /** Where chance comes from. @default the system's random source */
  random?: Random;
}

/** Where the flags are kept. */
export type FlagDatabaseLocation =
  { readonly kind: 'file'; readonly path: string } | { readonly kind: 'postgres'; readonly url: string };

/** Options that were checked and completed. */
export interface ResolvedFeatureFlagsOptions extends Required<Omit<FeatureFlagsOptions, 'databaseUrl' | 'file'>> {
  readonly location: FlagDatabaseLocation;
}

export const DEFAULT_FEATURE_FLAGS_OPTIONS = {
  file: 'data/flags.db',
  reloadSpreadMs: 500,
  retryMinMs: 200,
  retryMaxMs: 5_000,
  whenStale: 'serve',
  staleReadTimeoutMs: 1_000,
  maxStaleReads: 2,
  maxStaleReaders: 1_000,
} as const;

/** Checks and completes the options; throws one error that names every problem. */
export function resolveFeatureFlagsOptions(options: FeatureFlagsOptions): ResolvedFeatureFlagsOptions {
  const { databaseUrl, file, ...rest } = options;
  const resolved = {
    ...DEFAULT_FEATURE_FLAGS_OPTIONS,
    clock: systemClock,
    random: systemRandom,
    ...withoutUndefined(rest),
    location: locate(databaseUrl, file),
  };
  const problems: string[] = [];
  if (databaseUrl !== undefined && file !== undefined) {
    problems.push('databaseUrl and file exclude each other: give one of them');
  }
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(databaseUrl)) {
    // The value is not repeated: it holds a password.
    problems.push('databaseUrl must begin with postgres:// or postgresql://');
  }
  if (file === '') problems.push('file must not be empty');
  if (!WHEN_STALE.includes(resolved.whenStale)) {
    problems.push(`whenStale must be one of ${WHEN_STALE.join(', ')}`);
  }
  for (const name of ['maxStaleReads', 'maxStaleReaders'] as const) {
    const isCount = Number.isInteger(resolved[name]) && resolved[name] >= 1 && resolved[name] <= 100_000;
    if (!isCount) problems.push(`${name} must be a whole number between 1 and 100000`);
  }
  for (const name of ['reloadSpreadMs', 'retryMinMs', 'retryMaxMs', 'staleReadTimeoutMs'] as const) {
    if (!(resolved[name] >= 0 && resolved[name] <= 3_600_000)) problems.push(`${name} must be between 0 and 3600000`);
  }
  if (problems.length > 0) {
    throw new FlagsError(
      'FLAGS_INVALID_OPTIONS',
      `The options of the feature flags cannot work: ${problems.join('; ')}.`,
    );
  }
  return resolved;
}

function locate(databaseUrl: string | undefined, file: string | undefined): FlagDatabaseLocation {
  if (databaseUrl !== undefined) return { kind: 'postgres', url: databaseUrl };
  return { kind: 'file', path: resolve(file ?? DEFAULT_FEATURE_FLAGS_OPTIONS.file) };
}

/** Lets `{ file: undefined }` mean the same as leaving it out. */
function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}
