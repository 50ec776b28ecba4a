/** Topics over the mesh: publish and subscribe, with gaps and member changes in their place in the order. */
import {
  ClusterError,
  type ConfirmOutcome,
  decode,
  encode,
  FLAG_CONFIRM,
  type Gap,
  type Member,
  type MemberEvent,
  type MemberStatus,
  type Mesh,
  type MeshLimits,
  type MeshSink,
  PUBLICATION_FLAGS_OFFSET,
  PUBLICATION_TIME_OFFSET,
  PUBLICATION_TOPIC_LENGTH_OFFSET,
  PUBLICATION_TOPIC_OFFSET,
  FRAME_HEADER_BYTES,
} from '@rookery/mesh';
import { type Clock, type Logger, printable } from '@rookery/runtime';
import { Barrier } from './barrier.js';
import { Confirmations, type ConfirmedPublication } from './confirmations.js';
import type { EventContext, EventHandler } from './event-context.js';
import { Lane } from './lane.js';
import { type Settlement, Subscription } from './subscription.js';
import { checkPattern, encodeTopic, overlaps } from './topic.js';
import { TopicRoutes } from './topic-routes.js';

export interface SubscribeOptions {
  /** Who the handler is, for error logs. @default the pattern */
  readonly label?: string;
  /**
   * What the handler belongs to, such as a provider instance. Gap and member handlers of the same owner run in their
   * place in the order of its subscriptions: after all that came before, and before all that follows.
   */
  readonly owner?: object;
  /** Called for every gap, in its place in the order of this subscription. */
  readonly onGap?: (gap: Gap) => unknown;
}

/** An event for this process only. */
interface LocalEvent {
  readonly topic: string;
  readonly bytes: Buffer;
  readonly publishedAt: number;
  /** The number of our own publication that it comes right behind. */
  readonly after: number;
}

/** A handler of gaps or member changes. */
interface Watcher<T> {
  readonly pattern: string | undefined;
  /** Its calls run one at a time. */
  readonly lane: Lane;
  /** The subscription whose gaps it hears, in their place; undefined for those that hear every gap. */
  readonly subscription: Subscription | undefined;
  readonly owner: object | undefined;
  readonly label: string;
  readonly handler: (event: T) => unknown;
}

// Offsets inside a frame's body, which is what the mesh hands over.
const FLAGS = PUBLICATION_FLAGS_OFFSET - FRAME_HEADER_BYTES;
const TIME = PUBLICATION_TIME_OFFSET - FRAME_HEADER_BYTES;
const TOPIC_LENGTH = PUBLICATION_TOPIC_LENGTH_OFFSET - FRAME_HEADER_BYTES;
const TOPIC = PUBLICATION_TOPIC_OFFSET - FRAME_HEADER_BYTES;

/** Topics whose bytes are remembered; beyond, all are forgotten and made anew. */
const MAX_KNOWN_TOPICS = 4_096;

export class PubSub implements MeshSink {
  private mesh!: Mesh;
  private readonly subscriptions = new Set<Subscription>();
  private readonly gapWatchers = new Set<Watcher<Gap>>();
  private readonly memberWatchers = new Map<MemberStatus, Set<Watcher<MemberEvent>>>();
  private readonly routes = new TopicRoutes(this.subscriptions);
  private readonly confirmations: Confirmations;
  private readonly topics = new Map<string, Buffer>();
  /** What `publishLocal` was given in this turn, each behind the publication of ours that came before it. */
  private localQueue: LocalEvent[] = [];
  private firstLocal = 0;
  private isLocalScheduled = false;
  private localBytes = 0;
  private localDropped = 0;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly limits: Readonly<MeshLimits>,
  ) {
    this.confirmations = new Confirmations(clock);
  }

  /** The mesh and its sink know each other: called once, before anything else. */
  attach(mesh: Mesh): void {
    this.mesh = mesh;
  }

  publish(topic: string, payload: unknown): number {
    return this.mesh.publish(this.topicBytes(topic), payload, 0);
  }

  publishTo(target: string, topic: string, payload: unknown): number {
    return this.mesh.publish(this.topicBytes(topic), payload, 0, target);
  }

  /**
   * Only for subscribers in this process. They get a copy, asynchronously, in order with what is published to all. What one
   * turn publishes beyond the bounds of a subscription's queue is one gap `slow-handler` behind it.
   */
  publishLocal(topic: string, payload: unknown): void {
    this.topicBytes(topic);
    const bytes = encode(payload, this.limits.maxFrameBytes);
    if (!this.isLocalScheduled) {
      this.isLocalScheduled = true;
      this.clock.endOfTurn(this.onEndOfTurn);
    }
    const { maxQueuedEvents, maxQueuedBytes } = this.limits;
    if (this.localQueue.length - this.firstLocal >= maxQueuedEvents || this.localBytes >= maxQueuedBytes) {
      this.localDropped++;
      return;
    }
    this.localQueue.push({ topic, bytes, publishedAt: this.clock.wallNow(), after: this.mesh.head });
    this.localBytes += bytes.length;
  }

  publishConfirmed(topic: string, payload: unknown, timeoutMs: number): Promise<ConfirmedPublication> {
    this.confirmations.assertRoom();
    const members = this.mesh.members();
    const seq = this.mesh.publish(this.topicBytes(topic), payload, FLAG_CONFIRM);
    const result = this.confirmations.wait(seq, members, timeoutMs);
    this.mesh.flush();
    return result;
  }

  subscribe(pattern: string, handler: EventHandler, options: SubscribeOptions = {}): () => void {
    checkPattern(pattern);
    const lane = this.makeLane();
    const label = options.label ?? pattern;
    const subscription = new Subscription(pattern, lane, label, options.owner, handler, {
      onHandlerError: (who, topic, error) => this.logHandlerError(who, `event '${topic}'`, error),
      onOverflow: (from, dropped) => this.onOverflow(from, dropped),
    });
    this.subscriptions.add(subscription);
    this.routes.clear();
    const watcher: Watcher<Gap> | undefined = options.onGap && {
      pattern,
      lane: this.makeLane(),
      subscription,
      owner: options.owner,
      label,
      handler: options.onGap,
    };
    if (watcher) this.gapWatchers.add(watcher);
    return () => {
      subscription.end();
      this.subscriptions.delete(subscription);
      if (watcher) this.gapWatchers.delete(watcher);
      this.routes.clear();
    };
  }

  subscribeGap(
    pattern: string | undefined,
    handler: (gap: Gap) => unknown,
    options: SubscribeOptions = {},
  ): () => void {
    if (pattern !== undefined) checkPattern(pattern);
    const { owner, label = 'gap handler' } = options;
    const watcher = { pattern, lane: this.makeLane(), subscription: undefined, owner, label, handler };
    this.gapWatchers.add(watcher);
    return () => void this.gapWatchers.delete(watcher);
  }

  subscribeMember(
    status: MemberStatus,
    handler: (event: MemberEvent) => unknown,
    options: SubscribeOptions = {},
  ): () => void {
    const { owner, label = 'member handler' } = options;
    const watcher = { pattern: undefined, lane: this.makeLane(), subscription: undefined, owner, label, handler };
    const watchers = this.memberWatchers.get(status) ?? new Set();
    this.memberWatchers.set(status, watchers.add(watcher));
    return () => void watchers.delete(watcher);
  }

  close(): void {
    this.confirmations.close();
  }

  // ---- from the mesh ----------------------------------------------------------------------------------------------

  get hasSubscriptions(): boolean {
    return this.subscriptions.size > 0;
  }

  onPublication(from: Member, seq: number, bytes: Buffer, start: number, end: number, isReplayed: boolean): void {
    const isLocal = from.incarnation === this.mesh.incarnation;
    if (isLocal && this.localQueue.length > 0) this.deliverLocal(seq - 1);
    this.deliver(from, seq, bytes, start, end, isLocal, isReplayed);
    if (isLocal && this.localQueue.length > 0) this.deliverLocal(seq);
  }

  onGap(gap: Gap): void {
    this.logger.warn(`Gap: publications of ${printable(gap.from.name)} are missing (${gap.reason}).`, {
      missed: gap.missed ?? 'unknown',
    });
    this.tellGap(gap, undefined);
  }

  onMember(status: MemberStatus, event: MemberEvent): void {
    if (status === 'lost' || status === 'left') this.confirmations.noteGone(event.member);
    for (const watcher of this.memberWatchers.get(status) ?? []) {
      this.tell(watcher, event, `member.${status}`);
    }
  }

  onConfirm(from: Member, seq: number, outcome: ConfirmOutcome): void {
    this.confirmations.note(from, seq, outcome);
  }

  slowestHandler(): { readonly label: string; readonly behindSince: number } | undefined {
    let slowest: { label: string; behindSince: number } | undefined;
    for (const { lane, label } of this.subscriptions) {
      const { behindSince } = lane;
      if (behindSince === undefined || (slowest !== undefined && slowest.behindSince <= behindSince)) continue;
      slowest = { label, behindSince };
    }
    return slowest;
  }

  // ---- inside -----------------------------------------------------------------------------------------------------

  private deliver(
    from: Member,
    seq: number,
    bytes: Buffer,
    start: number,
    end: number,
    isLocal: boolean,
    isReplayed: boolean,
  ): void {
    const topicStart = start + TOPIC;
    const payloadStart = topicStart + bytes[start + TOPIC_LENGTH]!;
    if (payloadStart > end) return this.onUndecodable(from, seq, false, undefined);
    const { topic, subscriptions } = this.routes.find(bytes, topicStart, payloadStart);
    const wantsConfirm = !isLocal && (bytes[start + FLAGS]! & FLAG_CONFIRM) !== 0;
    if (subscriptions.length === 0) {
      if (wantsConfirm) this.mesh.confirm(from.incarnation, seq, 'no-handler');
      return;
    }
    const settlement = wantsConfirm ? this.countSettlements(from, seq, subscriptions.length) : undefined;
    const publishedAt = readTime(bytes, start + TIME);
    for (let i = 0; i < subscriptions.length; i++) {
      let payload: unknown;
      try {
        // Each handler gets its own copy: what one does to it is no other's business.
        payload = decode(bytes, payloadStart, end);
      } catch (error) {
        this.logger.warn(`An event '${printable(topic)}' from ${printable(from.name)} cannot be decoded.`, {
          error: error instanceof Error ? error.message : String(error),
        });
        return this.onUndecodable(from, seq, wantsConfirm, topic);
      }
      const context: EventContext = { topic, from, seq, publishedAt, local: isLocal, replayed: isReplayed };
      subscriptions[i]!.deliver(payload, context, end - payloadStart, settlement);
    }
  }

  private topicBytes(topic: string): Buffer {
    const known = this.topics.get(topic);
    if (known !== undefined) return known;
    const bytes = encodeTopic(topic);
    if (this.topics.size >= MAX_KNOWN_TOPICS) this.topics.clear();
    this.topics.set(topic, bytes);
    return bytes;
  }

  private makeLane(): Lane {
    return new Lane(this.clock, { maxItems: this.limits.maxQueuedEvents, maxBytes: this.limits.maxQueuedBytes });
  }

  private readonly onEndOfTurn = (): void => {
    this.isLocalScheduled = false;
    // Our own publications first: each local event that stands between two of them is delivered on the way.
    this.mesh.flush();
    this.deliverLocal(this.mesh.deliveredLocally);
  };

  /** Delivers the local events that come right behind our own publication `upTo`, or before. */
  private deliverLocal(upTo: number): void {
    for (;;) {
      const event = this.localQueue[this.firstLocal];
      if (event === undefined || event.after > upTo) break;
      // Taken out first: a handler may publish, and bring us here again.
      this.firstLocal++;
      this.localBytes -= event.bytes.length;
      const { topic, bytes, publishedAt } = event;
      for (const subscription of this.routes.match(topic)) {
        const context = { topic, from: this.mesh.self, seq: 0, publishedAt, local: true, replayed: false };
        subscription.deliver(decode(bytes), context, bytes.length, undefined);
      }
    }
    if (this.firstLocal < this.localQueue.length) return;
    this.localQueue = [];
    this.firstLocal = 0;
    const missed = this.localDropped;
    this.localDropped = 0;
    if (missed > 0) this.onGap({ from: this.mesh.self, reason: 'slow-handler', missed });
  }

  /** Answers the sender once all handlers are done. */
  private countSettlements(from: Member, seq: number, count: number): Settlement {
    let missing = count;
    let outcome: ConfirmOutcome = 'handled';
    return {
      settle: (isOk) => {
        if (!isOk) outcome = 'failed';
        if (--missing === 0) this.mesh.confirm(from.incarnation, seq, outcome);
      },
    };
  }

  private onUndecodable(from: Member, seq: number, wantsConfirm: boolean, topic: string | undefined): void {
    if (wantsConfirm) this.mesh.confirm(from.incarnation, seq, 'gap');
    this.tellGap({ from, reason: 'undecodable', missed: 1 }, topic);
  }

  private onOverflow(subscription: Subscription, dropped: ReadonlyMap<Member, number>): Promise<void> | undefined {
    const pending: Promise<void>[] = [];
    for (const [from, missed] of dropped) {
      this.logger.warn(`The handler ${subscription.label} is too slow: its queue overflowed.`, {
        from: from.name,
        missed,
      });
      const gap: Gap = { from, reason: 'slow-handler', missed };
      for (const watcher of this.gapWatchersOf(subscription.pattern)) {
        // What one subscription could not keep up with is no gap of another.
        if (watcher.subscription !== undefined && watcher.subscription !== subscription) continue;
        const told = this.call(watcher, gap, 'gap (slow-handler)');
        if (told !== undefined) pending.push(told);
      }
    }
    return pending.length === 0 ? undefined : Promise.all(pending).then(() => undefined);
  }

  /** Tells every gap handler; those with a pattern only if it overlaps `pattern`, where the gap is one of a topic. */
  private tellGap(gap: Gap, pattern: string | undefined): void {
    for (const watcher of this.gapWatchersOf(pattern)) this.tell(watcher, gap, `gap (${gap.reason})`);
  }

  private gapWatchersOf(pattern: string | undefined): Watcher<Gap>[] {
    return [...this.gapWatchers].filter(
      (watcher) => pattern === undefined || watcher.pattern === undefined || overlaps(pattern, watcher.pattern),
    );
  }

  /**
   * Runs a gap or member handler in its place in the order of all subscriptions of its owner.
   *
   * Whatever holds a lane of a subscription may wait for the lane of a watcher, never the other way round, and barriers stand
   * in the same order in every lane: so nobody waits in a circle.
   */
  private tell<T>(watcher: Watcher<T>, event: T, what: string): void {
    const lanes = new Set<Lane>();
    if (watcher.subscription !== undefined) lanes.add(watcher.subscription.lane);
    if (watcher.owner !== undefined) {
      for (const { ownerKey, lane } of this.subscriptions) if (ownerKey === watcher.owner) lanes.add(lane);
    }
    if (lanes.size === 0) void this.call(watcher, event, what);
    else new Barrier(lanes, () => this.call(watcher, event, what));
  }

  /** Calls a handler once its earlier calls are over. */
  private call<T>(watcher: Watcher<T>, event: T, what: string): Promise<void> | undefined {
    const { lane } = watcher;
    if (lane.isIdle) {
      const pending = this.callWatcher(watcher, event, what);
      lane.hold(pending);
      return pending;
    }
    return new Promise((resolve) => {
      lane.offer({
        bytes: 0,
        run: () => {
          const pending = this.callWatcher(watcher, event, what);
          if (pending === undefined) resolve();
          else void pending.then(resolve);
          return pending;
        },
      });
    });
  }

  private callWatcher<T>(watcher: Watcher<T>, event: T, what: string): Promise<void> | undefined {
    const fail = (error: unknown): void => this.logHandlerError(watcher.label, what, error);
    try {
      const result = watcher.handler(event);
      return result instanceof Promise ? result.then(() => undefined, fail) : undefined;
    } catch (error) {
      fail(error);
      return undefined;
    }
  }

  private logHandlerError(who: string, what: string, error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.logger.error(`The handler ${who} failed on ${printable(what)}: ${detail}`);
  }
}

function readTime(bytes: Buffer, at: number): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!;
  const low = ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0;
  return high * 2 ** 32 + low;
}

/** Thrown when a member that nobody knows is addressed. */
export function unknownMember(incarnation: string): ClusterError {
  return new ClusterError(
    'CLUSTER_UNKNOWN_MEMBER',
    `No member has the incarnation '${printable(incarnation)}'. Take members from cluster.members() or from an event's context.`,
  );
}

/** Thrown when a member is addressed that said goodbye. */
export function departedMember({ name, incarnation }: Member): ClusterError {
  return new ClusterError(
    'CLUSTER_UNKNOWN_MEMBER',
    `The member ${printable(name)} (${incarnation}) has left the cluster: nothing can reach it any more. ` +
      'Take members from cluster.members() right before the call.',
  );
}
