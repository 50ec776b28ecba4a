/** The applications as tests run them: whole, on a random port, around a cluster that the test plays. */
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FeatureFlagsService, type FlagRecord, type WhenStale } from '@rookery/feature-flags';
import { Cluster, ClusterClient, ClusterLifecycle, type ClusterPhase } from 'rookery';
import { ApiModule } from '../../../apps/api/src/api.module.js';
import { LandingModule } from '../../../apps/landing/src/landing.module.js';
import { configureWeb } from '../../../apps/landing/src/web.js';
import { FakeCluster } from '../../../libs/feature-flags/test/fake-cluster.js';

export interface RunningApp {
  readonly app: NestExpressApplication;
  readonly cluster: FakeCluster;
  /** Where the cluster says that this node is in its life. */
  readonly lifecycle: { phase: ClusterPhase };
  readonly flags: FeatureFlagsService;
  readonly url: string;
}

type Flags = { databaseUrl?: string; file?: string; whenStale?: WhenStale };

const NO_FLAGS = { databaseUrl: undefined, file: undefined, whenStale: undefined };

/** @param drainMs how long it serves on when it is closed */
export function runApi(flags: Flags, drainMs = 0): Promise<RunningApp> {
  return run(ApiModule.forRoot({ http: { drainMs }, flags: { ...NO_FLAGS, ...flags } }));
}

/**
 * @param port one that the browser knows already; a free one by default
 * @param drainMs how long it serves on when it is closed
 */
export function runLanding(flags: Flags, port = 0, drainMs = 0): Promise<RunningApp> {
  const module = LandingModule.forRoot({
    http: { drainMs },
    flags: { ...NO_FLAGS, ...flags },
  });
  return run(module, { port, configure: configureWeb });
}

async function run(
  module: DynamicModule,
  { port = 0, configure }: { port?: number; configure?: (app: NestExpressApplication) => void } = {},
): Promise<RunningApp> {
  const cluster = new FakeCluster();
  const lifecycle: RunningApp['lifecycle'] = { phase: 'joined' };
  const app = await NestFactory.create<NestExpressApplication>(
    { module: Root, imports: [PlayedCluster.forRoot(cluster, lifecycle), module] },
    { logger: false, abortOnError: false },
  );
  configure?.(app);
  await app.listen(port, '127.0.0.1');
  return { app, cluster, lifecycle, flags: app.get(FeatureFlagsService, { strict: false }), url: await app.getUrl() };
}

/** A row as another replica would announce it. */
export function changed(key: string, version: number, rest: Partial<FlagRecord> = {}): FlagRecord {
  return {
    key,
    version,
    enabled: true,
    description: '',
    deleted: false,
    updatedAt: '2030-01-01T00:00:00.000Z',
    ...rest,
  };
}

@Module({})
class Root {}

@Global()
@Module({})
class PlayedCluster {
  static forRoot(cluster: FakeCluster, lifecycle: RunningApp['lifecycle']): DynamicModule {
    return {
      module: PlayedCluster,
      providers: [
        { provide: Cluster, useValue: cluster },
        { provide: ClusterClient, useFactory: () => cluster.client },
        { provide: ClusterLifecycle, useValue: lifecycle },
      ],
      exports: [Cluster, ClusterClient, ClusterLifecycle],
    };
  }
}
