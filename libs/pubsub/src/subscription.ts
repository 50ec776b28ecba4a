/** One handler of one topic or pattern, and what waits for it. */
import { isThenable } from '@rookery/runtime';
import type { Member } from '@rookery/mesh';
import type { EventContext, EventHandler } from './event-context.js';
import type { Lane, LaneItem } from './lane.js';

/** Told when a handler is done with an event, well or not. */
export interface Settlement {
  settle(isOk: boolean): void;
}

/** What of one sender an overflow dropped. */
export interface Dropped {
  readonly from: Member;
  /** Undefined in the place that the oldest senders share, of whom `from` is the last. */
  readonly missed: number | undefined;
}

/** So many senders have a place each in one overflow; of more, the oldest share one. */
export const MAX_DROPPED_SENDERS = 1_000;

/** What a subscription reports to its owner. */
export interface SubscriptionOwner {
  onHandlerError(label: string, topic: string, error: unknown): void;
  /** The queue overflowed: these events are missing, in this place. */
  onOverflow(subscription: Subscription, dropped: readonly Dropped[]): Promise<void> | undefined;
}

export class Subscription {
  private isEnded = false;

  constructor(
    readonly pattern: string,
    readonly lane: Lane,
    readonly label: string,
    readonly ownerKey: object | undefined,
    private readonly handler: EventHandler,
    private readonly owner: SubscriptionOwner,
  ) {}

  /** Nothing reaches the handler from here on, not even what waits for it already. */
  end(): void {
    this.isEnded = true;
  }

  /** Hands an event to the handler: at once if nothing is pending, else in its turn, or not at all, with a gap in its place. */
  deliver(payload: unknown, context: EventContext, bytes: number, settlement: Settlement | undefined): void {
    const { lane } = this;
    if (lane.isIdle) {
      // Busy while it runs, too: an event that it causes itself must not run inside of it.
      lane.enter();
      let done: Promise<void> | undefined;
      try {
        done = this.call(payload, context, settlement);
      } finally {
        lane.leave(done);
      }
    } else if (lane.isFull || lane.last instanceof Overflow) this.drop(context.from, settlement);
    else lane.offer(new QueuedEvent(this, payload, context, bytes, settlement));
  }

  /** Calls the handler; a promise only when it returned one. Never throws. */
  call(payload: unknown, context: EventContext, settlement: Settlement | undefined): Promise<void> | undefined {
    if (this.isEnded) {
      // As on a node that has no handler.
      settlement?.settle(true);
      return undefined;
    }
    try {
      const result = this.handler(payload, context);
      if (isThenable(result)) {
        return Promise.resolve(result).then(
          () => settlement?.settle(true),
          (error: unknown) => this.fail(error, context, settlement),
        );
      }
    } catch (error) {
      this.fail(error, context, settlement);
      return undefined;
    }
    settlement?.settle(true);
    return undefined;
  }

  overflowed(dropped: readonly Dropped[]): Promise<void> | undefined {
    return this.owner.onOverflow(this, dropped);
  }

  private fail(error: unknown, context: EventContext, settlement: Settlement | undefined): void {
    // The publisher waits for it, whatever becomes of the line in the log.
    settlement?.settle(false);
    this.owner.onHandlerError(this.label, context.topic, error);
  }

  /** One gap takes the place of everything that came while the queue was full. */
  private drop(from: Member, settlement: Settlement | undefined): void {
    let overflow = this.lane.last;
    if (!(overflow instanceof Overflow)) {
      overflow = new Overflow(this);
      this.lane.offer(overflow);
    }
    (overflow as Overflow).count(from);
    settlement?.settle(false);
  }
}

class QueuedEvent implements LaneItem {
  constructor(
    private readonly subscription: Subscription,
    private readonly payload: unknown,
    private readonly context: EventContext,
    readonly bytes: number,
    private readonly settlement: Settlement | undefined,
  ) {}

  run(): Promise<void> | undefined {
    return this.subscription.call(this.payload, this.context, this.settlement);
  }
}

/**
 * The end of a full queue. Senders that restart often could make it grow while a handler is stuck: beyond
 * {@link MAX_DROPPED_SENDERS} the oldest share one place, with a count that nobody knows any more.
 */
class Overflow implements LaneItem {
  readonly bytes = 0;
  /** By incarnation, which is the same however often a sender is linked anew. */
  private readonly dropped = new Map<string, { from: Member; missed: number }>();
  private shared: Member | undefined;

  constructor(private readonly subscription: Subscription) {}

  count(from: Member): void {
    const known = this.dropped.get(from.incarnation);
    if (known !== undefined) {
      known.from = from;
      known.missed++;
      return;
    }
    this.dropped.set(from.incarnation, { from, missed: 1 });
    const places = this.dropped.size + (this.shared === undefined ? 0 : 1);
    if (places > MAX_DROPPED_SENDERS) this.share();
  }

  run(): Promise<void> | undefined {
    const shared = this.shared === undefined ? [] : [{ from: this.shared, missed: undefined }];
    return this.subscription.overflowed([...shared, ...this.dropped.values()]);
  }

  /** Makes room: for one sender if there is a shared place already, else for what that place takes as well. */
  private share(): void {
    for (let free = this.shared === undefined ? 2 : 1; free > 0; free--) {
      const [oldest] = this.dropped.entries();
      this.shared = oldest![1].from;
      this.dropped.delete(oldest![0]);
    }
  }
}
