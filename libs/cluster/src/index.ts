/** The public face: everything an application on Nest needs, `rookery/discovery` and the types of `rookery/mesh` included. */
export { ClusterModule } from './cluster.module.js';
export { Cluster } from './cluster.js';
export { ClusterLifecycle, type ClusterPhase } from './cluster.lifecycle.js';
export type { ClusterOptions, ClusterOptionsFactory } from './cluster.options.js';
export { CLUSTER_ENVIRONMENT } from './cluster.tokens.js';
export { ClusterUsageError, type ClusterUsageErrorCode } from './errors.js';
export { afterCommit, CommitScope } from './events/after-commit.js';
export { bindCluster, type BroadcastTarget } from './events/cluster-binding.js';
export {
  ClusterBroadcast,
  type ClusterBroadcastDecorator,
  type ConfirmOptions,
} from './events/cluster-broadcast.decorator.js';
// As a whole: only what is re-exported this way can be added to with `declare module 'rookery'`.
export * from './events/cluster-event-map.js';
export { ClusterCtx, ClusterPayload } from './events/event-params.decorator.js';
export type { ClusterRequest } from './events/handler-pipeline.js';
export { type ClusterEventHandlerDecorator, OnClusterEvent } from './events/on-cluster-event.decorator.js';
export { type ClusterGapHandlerDecorator, OnClusterGap } from './events/on-cluster-gap.decorator.js';
export { type MemberHandlerDecorator, OnMember } from './events/on-member.decorator.js';
export type { ClusterClientOptions } from './microservice/client-options.js';
// As a whole, for the same reason.
export * from './microservice/cluster-call-map.js';
export { ClusterClient } from './microservice/cluster-client.js';
export { ClusterContext, type ClusterContextArgs } from './microservice/cluster-context.js';
export { ClusterServer } from './microservice/cluster-server.js';
export {
  CLUSTER_TRANSPORT,
  type ClusterStatus,
  type ClusterTransportEvents,
} from './microservice/cluster-transport.js';

export { dns, file, kubernetesApi, kubernetesDns, local, multicast, staticPeers } from 'rookery/discovery';
export type {
  DiscoveryContext,
  DiscoverySelf,
  DiscoveryStrategy,
  DnsOptions,
  KubernetesApiOptions,
  KubernetesDnsOptions,
  LocalOptions,
  PeerAddress,
} from 'rookery/discovery';
export { CallClient, ClusterCallError, ClusterError, ClusterOptionsError, freshnessKind } from 'rookery/mesh';
export type {
  CallContext,
  CallErrorCode,
  CallHandler,
  CallOptions,
  CallOutcome,
  ClusterErrorCode,
  ConfirmedPublication,
  DialStats,
  EventContext,
  EventHandler,
  Freshness,
  FreshnessKind,
  Gap,
  GapReason,
  LinkStats,
  LogFields,
  Logger,
  Member,
  MemberEvent,
  MemberMetadata,
  MemberStatus,
  MeshLimits,
  MeshOptions,
  MeshStats,
  NodeEvents,
  PatternOf,
  PayloadOf,
  RequestOf,
  ResponseOf,
  Route,
  StrategyStats,
  SubscribeOptions,
  TopicOf,
} from 'rookery/mesh';
