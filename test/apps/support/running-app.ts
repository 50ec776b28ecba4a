/** The applications as tests run them: whole, on a random port, around a cluster that the test plays. */
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { HttpAdapterHost, NestFactory } from '@nestjs/core';
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
  /** Where the cluster says that this node is in its life; a test may say otherwise. */
  readonly lifecycle: { phase: ClusterPhase };
  readonly flags: FeatureFlagsService;
  readonly url: string;
}

type Flags = { databaseUrl?: string; file?: string; whenStale?: WhenStale };

const NO_FLAGS = { databaseUrl: undefined, file: undefined, whenStale: undefined };

/** @param drainMs how long it serves on when it is closed */
export function runApi(flags: Flags, drainMs = 0): Promise<RunningApp> {
  return run(ApiModule.forRoot({ flags: { ...NO_FLAGS, ...flags } }), { drainMs });
}

/**
 * @param port one that the browser knows already; a free one by default
 * @param drainMs how long it serves on when it is closed
 */
export function runLanding(flags: Flags, port = 0, drainMs = 0): Promise<RunningApp> {
  return run(LandingModule.forRoot({ flags: { ...NO_FLAGS, ...flags } }), { port, drainMs, configure: configureWeb });
}

async function run(
  module: DynamicModule,
  {
    port = 0,
    drainMs,
    configure,
  }: { port?: number; drainMs: number; configure?: (app: NestExpressApplication) => void },
): Promise<RunningApp> {
  const cluster = new FakeCluster();
  const app = await NestFactory.create<NestExpressApplication>(
    { module: Root, imports: [PlayedCluster.forRoot(cluster, drainMs), module] },
    { logger: false, abortOnError: false },
  );
  configure?.(app);
  await app.listen(port, '127.0.0.1');
  const lifecycle = app.get(PlayedLifecycle);
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

/** The life cycle itself, around a cluster that only tells that it did what it was asked to. */
class PlayedLifecycle extends ClusterLifecycle {
  #played: ClusterPhase | undefined;

  constructor(host: HttpAdapterHost, drainDelayMs: number) {
    const done = (): Promise<void> => Promise.resolve();
    const nothing = (): void => undefined;
    super(
      { start: done, ready: done, drainCalls: done, leave: done } as unknown as Cluster,
      { bind: nothing, subscribe: nothing, release: nothing } as unknown as LifecycleParts[1],
      { serve: nothing, close: nothing } as unknown as LifecycleParts[2],
      host,
      { drainDelayMs },
    );
  }

  override get phase(): ClusterPhase {
    return this.#played ?? super.phase;
  }

  override set phase(phase: ClusterPhase) {
    this.#played = phase;
  }
}

type LifecycleParts = ConstructorParameters<typeof ClusterLifecycle>;

@Global()
@Module({})
class PlayedCluster {
  static forRoot(cluster: FakeCluster, drainDelayMs: number): DynamicModule {
    return {
      module: PlayedCluster,
      providers: [
        { provide: Cluster, useValue: cluster },
        { provide: ClusterClient, useFactory: () => cluster.client },
        {
          provide: PlayedLifecycle,
          inject: [HttpAdapterHost],
          useFactory: (host: HttpAdapterHost) => new PlayedLifecycle(host, drainDelayMs),
        },
        { provide: ClusterLifecycle, useExisting: PlayedLifecycle },
      ],
      exports: [Cluster, ClusterClient, ClusterLifecycle],
    };
  }
}
