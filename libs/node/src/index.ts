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
} from '@rookery/mesh';
export type { ConfirmedPublication, EventContext, EventHandler, SubscribeOptions } from '@rookery/pubsub';
export type { LogFields, Logger } from '@rookery/runtime';
export * from './mesh-node.js';
export * from './node-events.js';
