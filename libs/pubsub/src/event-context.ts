/** What a handler learns about an event beside its payload. */
import type { Member } from '@rookery/mesh';

export interface EventContext {
  readonly topic: string;
  /** Who published it. */
  readonly from: Member;
  /** The sender's sequence number; 0 for `publishLocal`. */
  readonly seq: number;
  /** The sender's wall clock at `publish`, in milliseconds since the Unix epoch. For display: clocks differ. */
  readonly publishedAt: number;
  /** Whether this very node published it. */
  readonly local: boolean;
  /** Whether it was published before this node first met the sender, and is replayed from the sender's window. */
  readonly replayed: boolean;
}

/** Hears an event. Returning a promise makes the next event of this subscription wait for it. */
export type EventHandler<T = unknown> = (payload: T, context: EventContext) => unknown;
