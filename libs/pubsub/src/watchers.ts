/** All handlers of gaps and member changes, and the place of what they hear in the order of the subscriptions. */
import type { Gap, MemberEvent, MemberStatus } from '@rookery/mesh';
import { type Logger, printable } from '@rookery/runtime';
import { Barrier } from './barrier.js';
import type { Lane } from './lane.js';
import type { Dropped, Subscription } from './subscription.js';
import { overlaps } from './topic.js';
import { Watcher, type WatcherOptions } from './watcher.js';

/** So many gaps wait for one handler each in its own place; beyond, those of one sender and one reason become one, told early. */
const MAX_SEPARATE_GAPS = 100;

/** Something that waits for its handler. */
interface Waiting {
  gap: Gap;
}

/** What waits for one gap handler. */
class Backlog {
  count = 0;
  /** The newest that waits, by sender and reason. */
  readonly newest = new Map<string, Waiting>();
}

export class Watchers {
  private readonly gaps = new Map<Watcher<Gap>, Backlog>();
  private readonly members = new Map<MemberStatus, Map<Watcher<MemberEvent>, { count: number; dropped: number }>>();

  constructor(
    private readonly subscriptions: ReadonlySet<Subscription>,
    private readonly maxWaiting: number,
    private readonly makeLane: () => Lane,
    private readonly logger: Logger,
  ) {}

  addGap(options: WatcherOptions<Gap>): () => void {
    const watcher = new Watcher(options, this.makeLane());
    this.gaps.set(watcher, new Backlog());
    return () => {
      watcher.end();
      this.gaps.delete(watcher);
    };
  }

  addMember(status: MemberStatus, options: WatcherOptions<MemberEvent>): () => void {
    const watcher = new Watcher(options, this.makeLane());
    const ofStatus = this.members.get(status) ?? new Map<Watcher<MemberEvent>, { count: number; dropped: number }>();
    this.members.set(status, ofStatus.set(watcher, { count: 0, dropped: 0 }));
    return () => {
      watcher.end();
      ofStatus.delete(watcher);
    };
  }

  /** Tells every gap handler; those with a pattern only if it overlaps `pattern`, where the gap is one of a topic. */
  tellGap(gap: Gap, pattern: string | undefined): void {
    for (const [watcher, backlog] of this.gapWatchersOf(pattern)) {
      const key = `${gap.from.incarnation} ${gap.reason}`;
      const waiting = backlog.newest.get(key);
      if (waiting !== undefined && backlog.count >= MAX_SEPARATE_GAPS) {
        waiting.gap = merged(waiting.gap, gap);
        continue;
      }
      const entry: Waiting = { gap };
      backlog.count++;
      backlog.newest.set(key, entry);
      const take = (): Gap => {
        backlog.count--;
        if (backlog.newest.get(key) === entry) backlog.newest.delete(key);
        return entry.gap;
      };
      this.inPlace(watcher, () => watcher.call(take, `gap (${gap.reason})`));
    }
  }

  tellMember(status: MemberStatus, event: MemberEvent): void {
    for (const [watcher, backlog] of this.members.get(status) ?? []) {
      if (backlog.count >= this.maxWaiting) {
        if (backlog.dropped++ > 0) continue;
        this.logger.error(
          `The handler ${watcher.label} is too slow: ${backlog.count} member changes wait for it, what comes now is dropped. ` +
            'Read cluster.members() once it has caught up.',
        );
        continue;
      }
      backlog.count++;
      const take = (): MemberEvent => {
        backlog.count--;
        backlog.dropped = 0;
        return event;
      };
      this.inPlace(watcher, () => watcher.call(take, `member.${status}`));
    }
  }

  /** The queue of `subscription` overflowed; called in the place of what it dropped. Settles when all were told. */
  tellOverflow(subscription: Subscription, dropped: readonly Dropped[]): Promise<void> | undefined {
    const pending: Promise<void>[] = [];
    for (const { from, missed } of dropped) {
      this.logger.warn(`The handler ${subscription.label} is too slow: its queue overflowed.`, {
        from: missed === undefined ? `${printable(from.name)}, and others before it` : printable(from.name),
        missed: missed ?? 'unknown',
      });
      const gap: Gap = { from, reason: 'slow-handler', missed };
      for (const [watcher] of this.gapWatchersOf(subscription.pattern)) {
        // What one subscription could not keep up with is no gap of another.
        if (watcher.subscription !== undefined && watcher.subscription !== subscription) continue;
        const told = watcher.call(() => gap, 'gap (slow-handler)');
        if (told !== undefined) pending.push(told);
      }
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }

  *[Symbol.iterator](): IterableIterator<Watcher<never>> {
    yield* this.gaps.keys();
    for (const ofStatus of this.members.values()) yield* ofStatus.keys();
  }

  private gapWatchersOf(pattern: string | undefined): (readonly [Watcher<Gap>, Backlog])[] {
    return [...this.gaps].filter(
      ([watcher]) => pattern === undefined || watcher.pattern === undefined || overlaps(pattern, watcher.pattern),
    );
  }

  /**
   * Calls a handler in its place in the order of all subscriptions of its owner.
   *
   * Whatever holds a lane of a subscription may wait for the lane of a watcher, never the other way round, and barriers stand
   * in the same order in every lane: so nobody waits in a circle.
   */
  private inPlace<T>(watcher: Watcher<T>, call: () => Promise<void> | undefined): void {
    const lanes = new Set<Lane>();
    if (watcher.subscription !== undefined) lanes.add(watcher.subscription.lane);
    if (watcher.owner !== undefined) {
      for (const { ownerKey, lane } of this.subscriptions) if (ownerKey === watcher.owner) lanes.add(lane);
    }
    if (lanes.size === 0) void call();
    else new Barrier(lanes, call);
  }
}

function merged(earlier: Gap, later: Gap): Gap {
  const { missed } = earlier;
  return { ...later, missed: missed === undefined || later.missed === undefined ? undefined : missed + later.missed };
}
