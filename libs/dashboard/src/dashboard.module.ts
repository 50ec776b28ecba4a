/** The cluster as this node sees it, over HTTP. */
import { type DynamicModule, Module } from '@nestjs/common';
import { dashboardController } from './dashboard.controller.js';

export interface DashboardOptions {
  /** Where to serve it, below the application's global prefix. @default 'cluster' */
  readonly path?: string;
}

/**
 * Serves `GET /<path>`: this node, the members it knows, its links, freshness, log and discovery, as JSON
 * (`ClusterView`). Needs `ClusterModule` in the root module. It names hosts and addresses: keep it from the public, for
 * example with a global guard.
 *
 * @example
 * imports: [ClusterModule.forRoot(), DashboardModule.forRoot({ path: 'cluster' })]
 */
@Module({})
export class DashboardModule {
  static forRoot({ path = 'cluster' }: DashboardOptions = {}): DynamicModule {
    return { module: DashboardModule, controllers: [dashboardController(path)] };
  }
}
