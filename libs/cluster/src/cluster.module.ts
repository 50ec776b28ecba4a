/** The module that makes an application a node of a cluster. */
import { type DynamicModule, Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ClusterLifecycle } from './cluster.lifecycle.js';
import { assertAsyncOptions, checkingWhatIsMade } from './cluster.async-options.js';
import { type ASYNC_OPTIONS_TYPE, type ClusterOptions, ConfigurableModuleClass } from './cluster.options.js';
import { Cluster } from './cluster.js';
import { ClusterExplorer } from './events/cluster.explorer.js';
import { HandlerPipeline } from './events/handler-pipeline.js';
import { ClusterClient } from './microservice/cluster-client.js';
import { ClusterServer } from './microservice/cluster-server.js';

/**
 * Makes the application a node of a cluster. Import it once, in the root module; it is global.
 *
 * With `forRootAsync` the options come from a factory: `{ inject, useFactory }`, `{ useClass }` or `{ useExisting }` of a
 * {@link ClusterOptionsFactory}. Call `app.enableShutdownHooks()`, so that a SIGTERM says goodbye.
 *
 * @example
 * imports: [ClusterModule.forRoot()] // the processes of this user on this machine
 *
 * @example
 * imports: [
 *   ClusterModule.forRootAsync({
 *     inject: [ConfigService],
 *     useFactory: (config: ConfigService) => ({
 *       cookie: config.getOrThrow('CLUSTER_COOKIE'),
 *       discovery: kubernetesDns({ service: 'app-headless', port: 4370 }),
 *     }),
 *   }),
 * ]
 */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    Cluster,
    ClusterLifecycle,
    ClusterExplorer,
    HandlerPipeline,
    ClusterServer,
    // Not by Nest itself: ClientsModule makes the same class with options alone.
    { provide: ClusterClient, useFactory: (cluster: Cluster) => new ClusterClient({ cluster }), inject: [Cluster] },
  ],
  exports: [Cluster, ClusterLifecycle, ClusterServer, ClusterClient],
})
export class ClusterModule extends ConfigurableModuleClass {
  /**
   * @param options who this node is and how it finds the others. @default everything by default, see {@link ClusterOptions}
   */
  static override forRoot(options: ClusterOptions = {}): DynamicModule {
    return super.forRoot(options);
  }

  /**
   * @throws ClusterOptionsError naming every problem of `options`. What the factory rejects with, and a
   * ClusterOptionsError about what it made, reject the creation of the application.
   */
  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE): DynamicModule {
    assertAsyncOptions(options);
    const { providers = [], ...definition } = super.forRootAsync(options);
    return {
      ...definition,
      providers: providers.map((provider) => checkingWhatIsMade(provider, options.useFactory === undefined)),
    };
  }
}
