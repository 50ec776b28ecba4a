export type { Gap, GapReason, Member, MemberEvent, MemberMetadata, MemberStatus } from '@rookery/mesh';
export type { EventContext, EventHandler } from '@rookery/pubsub';
export type { Logger, LogFields } from '@rookery/runtime';
export * from './node-events.js';
export * from './mesh-node.js';
