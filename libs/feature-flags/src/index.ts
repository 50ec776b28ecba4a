export { describeError } from '@rookery/runtime';
export { FlagsDatabaseError, FlagsError, type FlagsErrorCode, type StatementOutcome } from './errors.js';
export { FeatureFlagsModule } from './feature-flags.module.js';
export {
  DEFAULT_FEATURE_FLAGS_OPTIONS,
  type FeatureFlagsOptions,
  type FlagDatabaseLocation,
  WHEN_STALE,
  type WhenStale,
} from './feature-flags.options.js';
export { FeatureFlagsService, type FlagReading, type FlagsStatus } from './feature-flags.service.js';
export type { Flag, FlagChanged, FlagRecord } from './flag.js';
export type { FlagHistoryEntry, FlagHistoryRequest } from './flag-calls.js';
export { type FlagChange, FlagHistory } from './flag-history.js';
export { type FlagInput, FlagStore, type FlagWrite } from './flag-store.js';
export { MAX_CHANGES_PER_KEY } from './noted-write.js';
