/** Finds what the decorators marked, and connects it with the cluster. */
import { Injectable } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import type { Gap, MemberEvent, SubscribeOptions } from 'rookery/mesh';
import { Cluster } from '../cluster.js';
import { ClusterUsageError } from '../errors.js';
import { clientsOf } from '../microservice/client-discovery.js';
import type { ClientBinding } from '../microservice/client-binding.js';
import { bindCluster, unbindCluster, wantsCluster } from './cluster-binding.js';
import { findHosts, type HandlerHost } from './handler-hosts.js';
import { type HandlerMark, type MarkedMethod, markedMethods } from './handler-marks.js';
import { HandlerPipeline } from './handler-pipeline.js';

@Injectable()
export class ClusterExplorer {
  private readonly bound: object[] = [];
  private readonly clients: ClientBinding[] = [];
  private unsubscribers: (() => void)[] = [];

  constructor(
    private readonly discovery: DiscoveryService,
    private readonly pipeline: HandlerPipeline,
    private readonly cluster: Cluster,
  ) {}

  /**
   * Gives the cluster to the `@ClusterBroadcast` methods of instances that Nest could not inject into, because a factory
   * or the application made them, and to the clients of `ClientsModule` and `@Client`.
   *
   * @throws ClusterUsageError `CLUSTER_IMPORTED_TWICE`, `CLUSTER_SHARED_INSTANCE`
   */
  bind(): void {
    this.assertOnlyOne();
    for (const { instance, wrapper } of findHosts(this.discovery)) {
      if (instance === undefined) continue;
      for (const { binding } of clientsOf(instance, wrapper.isNotMetatype)) {
        if (binding.bind(this.cluster)) this.clients.push(binding);
      }
      if (!wrapper.isNotMetatype || !wantsCluster(instance)) continue;
      bindCluster(instance, this.cluster);
      this.bound.push(instance);
    }
  }

  /**
   * Subscribes every handler. What a handler needs of Nest's pipeline is decided here, once.
   * @throws ClusterUsageError `CLUSTER_UNGUARDED_OVERRIDE`, `CLUSTER_ENHANCER_MISSING`
   */
  subscribe(): void {
    for (const host of findHosts(this.discovery)) {
      for (const method of markedMethods(host.prototype)) {
        for (const mark of method.marks) this.unsubscribers.push(this.subscribeTo(mark, host, method));
      }
    }
  }

  /** Undoes {@link bind} and {@link subscribe}. */
  release(): void {
    for (const unsubscribe of this.unsubscribers) unsubscribe();
    this.unsubscribers = [];
    for (const instance of this.bound.splice(0)) unbindCluster(instance);
    for (const binding of this.clients.splice(0)) binding.release();
  }

  private subscribeTo(mark: HandlerMark, host: HandlerHost, method: MarkedMethod): () => void {
    const options: SubscribeOptions = {
      label: `${host.prototype.constructor.name}.${method.name}`,
      // Handlers of one provider share an order; instances made for each event share that of their provider.
      owner: host.instance ?? host.wrapper,
    };
    switch (mark.kind) {
      case 'event':
        return this.cluster.subscribe(mark.topic, this.pipeline.guarded(host, method), options);
      case 'gap': {
        const invoke = this.pipeline.plain(host, method.name);
        return this.cluster.subscribeGap(mark.topic, (gap: Gap) => invoke(gap), options);
      }
      case 'member': {
        const invoke = this.pipeline.plain(host, method.name);
        return this.cluster.subscribeMember(mark.status, (event: MemberEvent) => invoke(event), options);
      }
    }
  }

  private assertOnlyOne(): void {
    const clusters = this.discovery.getProviders().filter(({ token, isAlias }) => token === Cluster && !isAlias);
    if (clusters.length <= 1) return;
    throw new ClusterUsageError(
      'CLUSTER_IMPORTED_TWICE',
      `ClusterModule is imported ${clusters.length} times, so this application would be ${clusters.length} nodes. Import ` +
        'ClusterModule.forRoot(...) once, in the root module: it is global, other modules need not import it.',
    );
  }
}
