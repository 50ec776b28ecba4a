/** What `ClusterModule.forRoot` and `forRootAsync` take. */
import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { MeshOptions } from 'rookery/mesh';
import type { LifecycleOptions } from './lifecycle-options.js';

/**
 * Who this node is, how it finds the others, and how the application ends. Everything has a default: with none at all, the
 * processes of one user on one machine find each other. Checked when the application is created; every problem is reported at
 * once.
 *
 * @example
 * ClusterModule.forRoot({ cookie, discovery: kubernetesDns({ service: 'app-headless', port: 4370 }), drainDelayMs: 5_000 });
 */
export interface ClusterOptions extends MeshOptions, LifecycleOptions {}

/**
 * Makes the options, for `forRootAsync({ useClass })` and `forRootAsync({ useExisting })`.
 *
 * @example
 * class ClusterConfig implements ClusterOptionsFactory {
 *   constructor(private readonly config: ConfigService) {}
 *   createClusterOptions(): ClusterOptions {
 *     const discovery = kubernetesDns({ service: 'app-headless', port: 4370 });
 *     return { cookie: this.config.getOrThrow('CLUSTER_COOKIE'), discovery };
 *   }
 * }
 */
export interface ClusterOptionsFactory {
  createClusterOptions(): ClusterOptions | Promise<ClusterOptions>;
}

export const {
  ASYNC_OPTIONS_TYPE,
  ConfigurableModuleClass,
  MODULE_OPTIONS_TOKEN: CLUSTER_OPTIONS,
} = new ConfigurableModuleBuilder<ClusterOptions>({ moduleName: 'Cluster' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createClusterOptions')
  .build();
