/** What the landing pages are made of, apart from the cluster they join. */
import { type DynamicModule, Module } from '@nestjs/common';
import { FeatureFlagsModule } from '@rookery/feature-flags';
import { HealthController, type ReplicaConfig } from '@rookery/replica';
import { systemClock } from '@rookery/runtime';
import { ApiCalls } from './calls/api-calls.service.js';
import { CallsController } from './calls/calls.controller.js';
import { CLOCK } from './clock.token.js';
import { FlagsController } from './flags/flags.controller.js';
import { HistoryController } from './flags/history.controller.js';
import { LiveController } from './live/live.controller.js';
import { LiveUpdates } from './live/live-updates.js';
import { PagesController } from './pages/pages.controller.js';
import { Templates } from './pages/templates.js';
import { QuotesController } from './quotes/quotes.controller.js';

/** What this module needs to be told. */
type ModuleConfig = Pick<ReplicaConfig, 'flags'>;

@Module({})
export class LandingModule {
  static forRoot({ flags }: ModuleConfig): DynamicModule {
    return {
      module: LandingModule,
      imports: [FeatureFlagsModule.forRoot({ ...flags, readOnly: true })],
      controllers: [
        PagesController,
        QuotesController,
        LiveController,
        FlagsController,
        HistoryController,
        CallsController,
        HealthController,
      ],
      providers: [{ provide: CLOCK, useValue: systemClock }, ApiCalls, Templates, LiveUpdates],
    };
  }
}
