export type { CallSink } from './call-sink.js';
export { decode } from './codec/decode.js';
export { encode } from './codec/encode.js';
export {
  ClusterError,
  type ClusterErrorCode,
  ClusterOptionsError,
  ProtocolError,
  publishedAfterLeaving,
  startedAfterLeaving,
} from './errors.js';
export { type DiscoveryOwner, DiscoveryLoop, type ListedAddress } from './dial/discovery-loop.js';
export { mendOf } from './dial/mend.js';
export { probe, type ProbeResult } from './dial/probe.js';
export { CallLane } from './link/call-lane.js';
export { type Freshness, type FreshnessKind, freshnessKind } from './freshness.js';
export type { Gap, GapReason, Member, MemberEvent, MemberMetadata, MemberStatus } from './membership/member.js';
export { Mesh, type MeshEnvironment } from './mesh.js';
export {
  DEFAULT_MESH_LIMITS,
  type MeshLimits,
  type MeshOptions,
  type ResolvedMeshOptions,
  resolveMeshOptions,
} from './mesh-options.js';
export type { MeshSink } from './mesh-sink.js';
export type { DetourStats, DialStats, LinkStats, MeshStats, StrategyStats } from './mesh-stats.js';
export type { ConfirmOutcome } from './protocol/control-frames.js';
export {
  FLAG_CONFIRM,
  FRAME_CANCEL,
  FRAME_CREDIT,
  FRAME_ERROR,
  FRAME_HEADER_BYTES,
  FRAME_NEXT,
  FRAME_REQUEST,
  FRAME_RESPONSE,
  MAX_TOPIC_BYTES,
  PUBLICATION_FLAGS_OFFSET,
  PUBLICATION_TIME_OFFSET,
  PUBLICATION_TOPIC_LENGTH_OFFSET,
  PUBLICATION_TOPIC_OFFSET,
} from './protocol/frame.js';
export { FrameReader } from './protocol/frame-reader.js';
export { MAX_SERVED, MAX_SERVED_KEY_BYTES, type Serves } from './protocol/list-frames.js';
export { VarintReader, writeVarint } from './protocol/varint.js';
export { type KeyRing, makeKeyRing } from './transport/key-ring.js';
export { TlsTransport } from './transport/tls-transport.js';
export type {
  Connection,
  ConnectionListener,
  DialFailure,
  DialFailureKind,
  Listener,
  Transport,
} from './transport/transport.js';
