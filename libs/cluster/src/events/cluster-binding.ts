/** How a `@ClusterBroadcast` method finds the cluster of its own application: its instance carries it. */
import { Inject } from '@nestjs/common';
import { Cluster } from '../cluster.js';
import { ClusterUsageError } from '../errors.js';

/** What a `@ClusterBroadcast` method needs of a cluster. */
export type BroadcastTarget = Pick<Cluster, 'publish' | 'publishConfirmed'>;

// Nest names the property when it cannot inject it, so its description says what is missing.
const CLUSTER = Symbol('Cluster: @ClusterBroadcast needs ClusterModule.forRoot() in the root module');
const BOUND = Symbol('rookery.bound-cluster');

interface Bindable {
  [CLUSTER]?: BroadcastTarget;
  [BOUND]?: BroadcastTarget;
}

/**
 * Lets Nest inject the cluster into every instance of the class and of its subclasses, whatever their scope. A process
 * may hold several applications, so there is no such thing as the current cluster.
 */
export function injectCluster(target: object): void {
  if (Object.hasOwn(target, CLUSTER)) return;
  Inject(Cluster)(target, CLUSTER);
  // An accessor, so that what Nest assigns stays invisible to loggers, serializers and comparisons.
  Object.defineProperty(target, CLUSTER, {
    configurable: true,
    get(this: Bindable): BroadcastTarget | undefined {
      return this[BOUND];
    },
    set(this: Bindable, cluster: BroadcastTarget) {
      Object.defineProperty(this, BOUND, { value: cluster, configurable: true, writable: true });
    },
  });
}

/** Whether the instance has a `@ClusterBroadcast` method. */
export function wantsCluster(instance: object): boolean {
  return CLUSTER in instance;
}

/**
 * Tells an instance that Nest did not make which cluster its `@ClusterBroadcast` methods publish to. Needed for objects
 * made with `new` in tests, and by factories of request-scoped or transient providers; everything else is bound by Nest.
 *
 * @throws ClusterUsageError `CLUSTER_SHARED_INSTANCE` when the instance already belongs to another cluster
 *
 * @example
 * const flags = new FlagsService();
 * bindCluster(flags, { publish: jest.fn(), publishConfirmed: jest.fn() });
 */
export function bindCluster(instance: object, cluster: BroadcastTarget): void {
  const bindable = instance as Bindable;
  const bound = bindable[CLUSTER];
  if (bound === cluster) return;
  if (bound !== undefined) {
    throw new ClusterUsageError(
      'CLUSTER_SHARED_INSTANCE',
      `An instance of ${instance.constructor.name} already publishes to another cluster: two applications share it. ` +
        'Give each application an instance of its own, for example with useClass or useFactory instead of useValue.',
    );
  }
  bindable[CLUSTER] = cluster;
}

/** Undoes {@link bindCluster}, so that the instance may serve another application. */
export function unbindCluster(instance: object): void {
  delete (instance as Bindable)[BOUND];
}

/**
 * The cluster that `instance` publishes to.
 * @throws ClusterUsageError `CLUSTER_NOT_BOUND`
 */
export function clusterOf(instance: unknown, method: string): BroadcastTarget {
  const cluster = (instance as Bindable | undefined)?.[CLUSTER];
  if (cluster !== undefined) return cluster;
  throw new ClusterUsageError(
    'CLUSTER_NOT_BOUND',
    `${method} has @ClusterBroadcast, but its instance knows no cluster, so nothing was done. Nest binds the instances ` +
      'that it makes itself: provide the class, or call the method as a method (service.method(), not a detached ' +
      'function). An instance made with new, or by the factory of a request-scoped or transient provider, is bound ' +
      'with bindCluster(instance, cluster).',
  );
}
