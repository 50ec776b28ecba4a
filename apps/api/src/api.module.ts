/** What the api is made of, apart from the cluster it joins. */
import { type DynamicModule, Module } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { FeatureFlagsModule } from '@rookery/feature-flags';
import { HealthController, HttpDrain, type ReplicaConfig } from '@rookery/replica';
import { Refusals } from './calls/refusals.js';
import { FlagHistoryController } from './flags/flag-history.controller.js';
import { FlagWriter } from './flags/flag-writer.service.js';
import { FlagsController } from './flags/flags.controller.js';
import { PricingController } from './pricing/pricing.controller.js';

/** What this module needs to be told. */
type ModuleConfig = Pick<ReplicaConfig, 'flags'> & { readonly http: Pick<ReplicaConfig['http'], 'drainMs'> };

@Module({})
export class ApiModule {
  static forRoot({ http, flags }: ModuleConfig): DynamicModule {
    return {
      module: ApiModule,
      imports: [FeatureFlagsModule.forRoot({ ...flags, readOnly: false })],
      controllers: [FlagsController, FlagHistoryController, PricingController, HealthController],
      providers: [
        FlagWriter,
        Refusals,
        {
          provide: HttpDrain,
          inject: [HttpAdapterHost],
          useFactory: (host: HttpAdapterHost) => new HttpDrain(host, http.drainMs),
        },
      ],
    };
  }
}
