/** How an application tells the compiler which payload belongs to which topic. */
import type { PayloadOf, TopicOf } from 'rookery/mesh';

/**
 * Topic to payload type, open for the application to add to. A topic that is listed takes that payload everywhere: at
 * `publish`, `@ClusterBroadcast` and `@OnClusterEvent`. Topics that are not listed, patterns included, take any.
 *
 * @example
 * declare module 'rookery' {
 *   interface ClusterEventMap {
 *     'flag.changed': { key: string; enabled: boolean };
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by the application
export interface ClusterEventMap {}

/** A topic of {@link ClusterEventMap}, or any other. */
export type ClusterTopic = TopicOf<ClusterEventMap>;

/** What is published to a topic: its declared payload, or anything. */
export type PublishedPayload<Topic extends string> = PayloadOf<ClusterEventMap, Topic>;

/** What a handler of a topic must accept: its declared payload; a handler of an undeclared topic names its own type. */
export type HandledPayload<Topic extends string> = Topic extends keyof ClusterEventMap ? ClusterEventMap[Topic] : never;
