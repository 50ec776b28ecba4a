export type { ConfirmedPublication } from './confirmations.js';
export type { EventContext, EventHandler } from './event-context.js';
export { departedMember, noMember, PubSub, type SubscribeOptions, unknownMember } from './pubsub.js';
export { checkPattern, encodeTopic, matches, overlaps } from './topic.js';
