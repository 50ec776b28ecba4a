/** The node of this application, for injection. */
import { Inject, Injectable, Optional } from '@nestjs/common';
import { MeshNode, type NodeEnvironment } from 'rookery/mesh';
import { CLUSTER_OPTIONS, type ClusterOptions } from './cluster.options.js';
import { CLUSTER_ENVIRONMENT } from './cluster.tokens.js';
import type { ClusterEventMap } from './events/cluster-event-map.js';
import type { ClusterCallMap } from './microservice/cluster-call-map.js';
import { nestLogger } from './nest-logger.js';

/**
 * This application's node of the cluster: publish, subscribe, call, members, freshness. `ClusterModule` starts it when the
 * application starts, and leaves when it ends.
 *
 * @example
 * constructor(private readonly cluster: Cluster) {}
 *
 * clear(): void {
 *   this.cluster.publish('cache.cleared', { by: this.cluster.self.name });
 * }
 */
@Injectable()
export class Cluster extends MeshNode<ClusterEventMap, ClusterCallMap> {
  /**
   * @throws ClusterOptionsError naming every problem of the options
   */
  constructor(
    @Optional() @Inject(CLUSTER_OPTIONS) options: ClusterOptions = {},
    @Optional() @Inject(CLUSTER_ENVIRONMENT) environment?: NodeEnvironment,
  ) {
    super(withNestLogger(options), environment);
  }
}

/** On top of the options, not a copy of them: that would lose the getters of a class. */
function withNestLogger(options: ClusterOptions): ClusterOptions {
  // What is no object is refused with the other problems.
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options;
  return Object.create(options, {
    logger: { value: options.logger ?? nestLogger(), enumerable: true },
  }) as ClusterOptions;
}
