/** What the api is made of, apart from the cluster it joins. */
import { type DynamicModule, Module } from '@nestjs/common';
import { FeatureFlagsModule } from '@rookery/feature-flags';
import { FlagWriter } from './flags/flag-writer.service.js';
import { FlagsController } from './flags/flags.controller.js';
import { HealthController } from './health.controller.js';
import { HttpDrain } from './http-drain.js';
import type { ReplicaConfig } from './replica-config.js';

@Module({})
export class ApiModule {
  static forRoot({ flags }: Pick<ReplicaConfig, 'flags'>): DynamicModule {
    return {
      module: ApiModule,
      imports: [FeatureFlagsModule.forRoot({ ...flags, readOnly: false })],
      controllers: [FlagsController, HealthController],
      providers: [FlagWriter, HttpDrain],
    };
  }
}
