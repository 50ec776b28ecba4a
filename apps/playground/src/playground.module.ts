/** What the playground is made of. It joins no cluster: it looks at one from outside. */
import { type DynamicModule, Module } from '@nestjs/common';
import type { PlaygroundConfig } from './config.js';
import { FlagChanges } from './flags/flag-changes.service.js';
import { Fleet } from './fleet/fleet.service.js';
import { PLAYGROUND_CONFIG } from './playground.tokens.js';
import { ActivityLog } from './watch/activity-log.js';
import { Watcher } from './watch/watcher.service.js';
import { FlagsController } from './web/flags.controller.js';
import { ReplicasController } from './web/replicas.controller.js';
import { ViewController } from './web/view.controller.js';

@Module({})
export class PlaygroundModule {
  static forRoot(config: PlaygroundConfig): DynamicModule {
    return {
      module: PlaygroundModule,
      controllers: [ViewController, ReplicasController, FlagsController],
      providers: [{ provide: PLAYGROUND_CONFIG, useValue: config }, Fleet, ActivityLog, Watcher, FlagChanges],
    };
  }
}
