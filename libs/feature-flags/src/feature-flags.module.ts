/** Wires the flags into an application. The application brings the cluster, with `ClusterModule.forRoot(...)`. */
import { type DynamicModule, Module } from '@nestjs/common';
import { type FeatureFlagsOptions, resolveFeatureFlagsOptions } from './feature-flags.options.js';
import { FeatureFlagsService } from './feature-flags.service.js';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import { FlagDatabase } from './flag-database.js';
import { FlagHistory } from './flag-history.js';
import { FlagStore } from './flag-store.js';

@Module({})
export class FeatureFlagsModule {
  /**
   * @example
   * FeatureFlagsModule.forRoot({ file: 'data/flags.db', readOnly: true }) // a replica that only reads
   */
  static forRoot(options: FeatureFlagsOptions): DynamicModule {
    const resolved = resolveFeatureFlagsOptions(options);
    return {
      module: FeatureFlagsModule,
      providers: [
        { provide: FEATURE_FLAGS_OPTIONS, useValue: resolved },
        FlagDatabase,
        FlagStore,
        FlagHistory,
        FeatureFlagsService,
      ],
      exports: resolved.readOnly ? [FeatureFlagsService] : [FeatureFlagsService, FlagStore, FlagHistory],
    };
  }
}
