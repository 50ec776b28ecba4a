/** The node of this application, for injection. */
import { Inject, Injectable, Optional } from '@nestjs/common';
import { ClusterOptionsError, MeshNode, type MeshOptions, type NodeEnvironment } from 'rookery/mesh';
import { CLUSTER_OPTIONS, type ClusterOptions } from './cluster.options.js';
import { CLUSTER_ENVIRONMENT } from './cluster.tokens.js';
import type { ClusterEventMap } from './events/cluster-event-map.js';
import { readLifecycleOptions } from './lifecycle-options.js';
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
    const { keys, problems } = readLifecycleOptions(options);
    try {
      super(ofTheNode(options, keys), environment);
    } catch (error) {
      if (!(error instanceof ClusterOptionsError)) throw error;
      throw new ClusterOptionsError([...error.problems, ...problems]);
    }
    if (problems.length > 0) throw new ClusterOptionsError(problems);
  }
}

/**
 * What the node is given: Nest's logger where there is none, and nothing that is not for it. On top of the options, not a
 * copy of them: that would lose the getters of a class.
 *
 * @param hidden keys that the node would not know
 */
function ofTheNode(options: ClusterOptions, hidden: readonly string[]): MeshOptions {
  // What is no object is refused with the other problems.
  if (typeof options !== 'object' || options === null || Array.isArray(options)) return options;
  // A property that cannot be enumerated hides the one below it from those who enumerate.
  const nothing = Object.fromEntries(hidden.map((key) => [key, { value: undefined, enumerable: false }]));
  return Object.create(options, {
    ...nothing,
    logger: { value: options.logger ?? nestLogger(), enumerable: true },
  }) as MeshOptions;
}
