export {
  ClusterError,
  type ClusterErrorCode,
  ClusterOptionsError,
  DEFAULT_MESH_LIMITS,
  type DetourStats,
  type DialStats,
  type Freshness,
  type FreshnessKind,
  freshnessKind,
  type Gap,
  type GapReason,
  type LinkStats,
  type Member,
  type MemberEvent,
  type MemberMetadata,
  type MemberStatus,
  type MeshLimits,
  type MeshOptions,
  type MeshStats,
  type StrategyStats,
} from '@rookery/mesh';
export type { ConfirmedPublication, EventContext, EventHandler, SubscribeOptions } from '@rookery/pubsub';
export {
  type CallContext,
  type CallErrorCode,
  type CallHandler,
  type CallOptions,
  type CallOutcome,
  ClusterCallError,
  type Route,
} from '@rookery/rpc';
export type { LogFields, Logger } from '@rookery/runtime';
export { CallClient } from './call-client.js';
export { diagnose, type Diagnosis, type Finding } from './doctor/diagnose.js';
export { MeshNode, createMesh, type NodeEnvironment } from './mesh-node.js';
export * from './node-calls.js';
export * from './node-events.js';
