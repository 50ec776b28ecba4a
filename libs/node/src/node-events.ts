/** The typed events of a node, and how an open event map types topics and payloads. */
import type { Gap, MemberEvent } from '@rookery/mesh';

/** What `node.on(name, listener)` can hear. */
export interface NodeEvents {
  'member.up': MemberEvent;
  'member.suspect': MemberEvent;
  'member.lost': MemberEvent;
  'member.left': MemberEvent;
  gap: Gap;
}

/** A topic of the event map, or any other. */
export type TopicOf<Events extends object> = (keyof Events & string) | (string & {});

/** The payload the event map declares for a topic; `unknown` for topics it does not know. */
export type PayloadOf<Events extends object, Topic extends string> = Topic extends keyof Events
  ? Events[Topic]
  : unknown;
