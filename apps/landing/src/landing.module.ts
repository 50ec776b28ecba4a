/** What the landing pages are made of, apart from the cluster they join. */
import { type DynamicModule, Module } from '@nestjs/common';
import { FeatureFlagsModule } from '@rookery/feature-flags';
import { systemClock } from '@rookery/runtime';
import { CLOCK } from './clock.token.js';
import { FlagsController } from './flags/flags.controller.js';
import { HealthController } from './health.controller.js';
import { HttpDrain } from './http-drain.js';
import { LiveController } from './live/live.controller.js';
import { LiveUpdates } from './live/live-updates.js';
import { PagesController } from './pages/pages.controller.js';
import { Templates } from './pages/templates.js';
import type { ReplicaConfig } from './replica-config.js';

@Module({})
export class LandingModule {
  static forRoot({ flags }: Pick<ReplicaConfig, 'flags'>): DynamicModule {
    return {
      module: LandingModule,
      imports: [FeatureFlagsModule.forRoot({ ...flags, readOnly: true })],
      controllers: [PagesController, LiveController, FlagsController, HealthController],
      providers: [{ provide: CLOCK, useValue: systemClock }, Templates, LiveUpdates, HttpDrain],
    };
  }
}
