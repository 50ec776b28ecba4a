/** A store by itself, without an application around it. */
import { FlagDatabase } from '../../../libs/feature-flags/src/flag-database.js';
import { FlagStore } from '../../../libs/feature-flags/src/flag-store.js';
import {
  type FeatureFlagsOptions,
  resolveFeatureFlagsOptions,
} from '../../../libs/feature-flags/src/feature-flags.options.js';

export interface OpenStore {
  readonly store: FlagStore;
  close(): Promise<void>;
}

export function openStore(options: Partial<FeatureFlagsOptions>): OpenStore {
  const resolved = resolveFeatureFlagsOptions({ readOnly: false, ...options });
  const database = new FlagDatabase(resolved);
  return { store: new FlagStore(database, resolved), close: () => database.onApplicationShutdown() };
}
