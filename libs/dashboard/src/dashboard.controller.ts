/** Serves the view of this node. */
import { Controller, Get, Header, type Type } from '@nestjs/common';
import { Cluster } from 'rookery';
import { type ClusterView, clusterView } from './cluster-view.js';

/** A class for each path: Nest keeps the path on the class, and applications in one process may use different ones. */
export function dashboardController(path: string): Type<unknown> {
  @Controller(path)
  class DashboardController {
    constructor(private readonly cluster: Cluster) {}

    @Get()
    @Header('Cache-Control', 'no-store')
    view(): ClusterView {
      return clusterView(this.cluster);
    }
  }
  return DashboardController;
}
