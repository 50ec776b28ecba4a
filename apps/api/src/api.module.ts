/** What the api is made of, apart from the cluster it joins. */
import { type DynamicModule, Module } from '@nestjs/common';
import { FeatureFlagsModule } from '@rookery/feature-flags';
import { HealthController, type ReplicaConfig } from '@rookery/replica';
import { Refusals } from './calls/refusals.js';
import { FlagHistoryController } from './flags/flag-history.controller.js';
import { FlagWriter } from './flags/flag-writer.service.js';
import { FlagsController } from './flags/flags.controller.js';
import { PricingController } from './pricing/pricing.controller.js';

/** What this module needs to be told. */
type ModuleConfig = Pick<ReplicaConfig, 'flags'>;

@Module({})
export class ApiModule {
  static forRoot({ flags }: ModuleConfig): DynamicModule {
    return {
      module: ApiModule,
      imports: [FeatureFlagsModule.forRoot({ ...flags, readOnly: false })],
      controllers: [FlagsController, FlagHistoryController, PricingController, HealthController],
      providers: [FlagWriter, Refusals],
    };
  }
}
