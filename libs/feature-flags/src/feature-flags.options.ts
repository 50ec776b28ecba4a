/** Where the flags are kept and how a copy heals: options, defaults, and the one place that checks them. */
import { resolve } from 'node:path';
import { type Clock, type Random, systemClock, systemRandom } from '@rookery/runtime';
import { FlagsError } from './errors.js';

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
  for (const name of ['reloadSpreadMs', 'retryMinMs', 'retryMaxMs'] as const) {
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
