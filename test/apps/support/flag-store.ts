/** A store by itself, without an application around it. */
import { FlagDatabase } from '../../../libs/feature-flags/src/flag-database.js';
import { FlagHistory } from '../../../libs/feature-flags/src/flag-history.js';
import { FlagStore } from '../../../libs/feature-flags/src/flag-store.js';
import {
  type FeatureFlagsOptions,
  resolveFeatureFlagsOptions,
} from '../../../libs/feature-flags/src/feature-flags.options.js';

export interface OpenStore {
  readonly database: FlagDatabase;
  readonly store: FlagStore;
  readonly history: FlagHistory;
  close(): Promise<void>;
}

export function openStore(options: Partial<FeatureFlagsOptions>): OpenStore {
  const resolved = resolveFeatureFlagsOptions({ readOnly: false, ...options });
  const database = new FlagDatabase(resolved);
  return {
    database,
    store: new FlagStore(database, resolved),
    history: new FlagHistory(database),
    close: () => database.onApplicationShutdown(),
  };
}
