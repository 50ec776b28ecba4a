/** The cluster as this node sees it, over HTTP. */
import { type DynamicModule, Module } from '@nestjs/common';
import { dashboardController } from './dashboard.controller.js';

const DEFAULT_PATH = 'cluster';

export interface DashboardOptions {
  /** Where to serve it, below the application's global prefix. @default 'cluster' */
  readonly path?: string;
}

/**
 * Serves `GET /<path>`: this node, the members it knows, its links and detours, freshness, log, discovery and overruns, as JSON
 * (`ClusterView`). Needs `ClusterModule` in the root module. It names hosts and addresses: keep it from the public, for
 * example with a global guard.
 *
 * @example
 * imports: [ClusterModule.forRoot(), DashboardModule.forRoot({ path: 'internal/cluster' })] // or DashboardModule, at /cluster
 */
@Module({ controllers: [dashboardController(DEFAULT_PATH)] })
export class DashboardModule {
  /** As the class itself, at a path of your choice. */
  static forRoot({ path = DEFAULT_PATH }: DashboardOptions = {}): DynamicModule {
    return { module: ConfiguredDashboardModule, controllers: [dashboardController(path)] };
  }
}

@Module({})
class ConfiguredDashboardModule {}
