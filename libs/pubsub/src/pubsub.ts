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
import {
  type Clock,
  describeError,
  describeErrorWithStack,
  describeValue,
  type Logger,
  printable,
} from '@rookery/runtime';
import { Confirmations, type ConfirmedPublication } from './confirmations.js';
import type { EventContext, EventHandler } from './event-context.js';
import { Lane } from './lane.js';
import { type Settlement, Subscription } from './subscription.js';
import { checkPattern, encodeTopic } from './topic.js';
import { TopicRoutes } from './topic-routes.js';
import type { WatcherOptions } from './watcher.js';
import { Watchers } from './watchers.js';

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

// Offsets inside a frame's body, which is what the mesh hands over.
const FLAGS = PUBLICATION_FLAGS_OFFSET - FRAME_HEADER_BYTES;
const TIME = PUBLICATION_TIME_OFFSET - FRAME_HEADER_BYTES;
const TOPIC_LENGTH = PUBLICATION_TOPIC_LENGTH_OFFSET - FRAME_HEADER_BYTES;
const TOPIC = PUBLICATION_TOPIC_OFFSET - FRAME_HEADER_BYTES;

/** So many turns of a handler that publishes to its own topic, then sockets and timers have theirs. */
const MAX_TURNS_WITHOUT_POLL = 64;

/** Topics whose bytes are remembered; beyond, all are forgotten and made anew. */
const MAX_KNOWN_TOPICS = 4_096;

export class PubSub implements MeshSink {
  private mesh!: Mesh;
  private readonly subscriptions = new Set<Subscription>();
  private readonly watchers: Watchers;
  private readonly routes = new TopicRoutes(this.subscriptions);
  private readonly confirmations: Confirmations;
  private readonly topics = new Map<string, Buffer>();
  /** What `publishLocal` was given in this turn, each behind the publication of ours that came before it. */
  private localQueue: LocalEvent[] = [];
  private firstLocal = 0;
  private isLocalScheduled = false;
  private localTurns = 0;
  private localBytes = 0;
  private localDropped = 0;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly limits: Readonly<MeshLimits>,
  ) {
    this.confirmations = new Confirmations(clock);
    this.watchers = new Watchers(this.subscriptions, limits.maxQueuedEvents, () => this.makeLane(), logger);
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
    this.scheduleLocal();
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
    this.mesh.flushLinks();
    return result;
  }

  subscribe(pattern: string, handler: EventHandler, options: SubscribeOptions = {}): () => void {
    checkPattern(pattern);
    const lane = this.makeLane();
    const label = options.label ?? pattern;
    const subscription = new Subscription(pattern, lane, label, options.owner, handler, {
      onHandlerError: (who, topic, error) => this.logHandlerError(who, `event '${topic}'`, error),
      onOverflow: (overflowing, dropped) => this.watchers.tellOverflow(overflowing, dropped),
    });
    this.subscriptions.add(subscription);
    this.routes.clear();
    const { owner, onGap } = options;
    const endGaps = onGap && this.watchers.addGap({ ...this.watcher(label, onGap, owner), pattern, subscription });
    return () => {
      subscription.end();
      this.subscriptions.delete(subscription);
      endGaps?.();
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
    return this.watchers.addGap({ ...this.watcher(label, handler, owner), pattern });
  }

  subscribeMember(
    status: MemberStatus,
    handler: (event: MemberEvent) => unknown,
    options: SubscribeOptions = {},
  ): () => void {
    const { owner, label = 'member handler' } = options;
    return this.watchers.addMember(status, this.watcher(label, handler, owner));
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
    const verb = gap.missed === undefined ? 'may be' : 'are';
    this.logger.warn(`Gap: publications of ${printable(gap.from.name)} ${verb} missing (${gap.reason}).`, {
      missed: gap.missed ?? 'unknown',
    });
    this.watchers.tellGap(gap, undefined);
  }

  onMember(status: MemberStatus, event: MemberEvent): void {
    if (status === 'lost' || status === 'left') this.confirmations.noteGone(event.member);
    this.watchers.tellMember(status, event);
  }

  onConfirm(from: Member, seq: number, outcome: ConfirmOutcome): void {
    this.confirmations.note(from, seq, outcome);
  }

  slowestHandler(): { readonly label: string; readonly behindSince: number } | undefined {
    let slowest: { label: string; behindSince: number } | undefined;
    for (const { lane, label } of [...this.subscriptions, ...this.watchers]) {
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
          error: describeError(error),
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

  /** At the end of the turn; but handlers that publish without end must not keep the loop from turning. */
  private scheduleLocal(): void {
    if (this.isLocalScheduled) return;
    this.isLocalScheduled = true;
    if (++this.localTurns % MAX_TURNS_WITHOUT_POLL === 0) this.clock.afterPoll(this.onEndOfTurn);
    else this.clock.endOfTurn(this.onEndOfTurn);
  }

  /** Delivers the local events that come right behind our own publication `upTo`, or before; not those that they cause. */
  private deliverLocal(upTo: number): void {
    for (let left = this.localQueue.length - this.firstLocal; left > 0; left--) {
      const event = this.localQueue[this.firstLocal];
      if (event === undefined || event.after > upTo) break;
      // Taken out first: a handler may publish, and bring us here again.
      this.localQueue[this.firstLocal++] = undefined as never;
      this.localBytes -= event.bytes.length;
      const { topic, bytes, publishedAt } = event;
      for (const subscription of this.routes.match(topic)) {
        const context = { topic, from: this.mesh.self, seq: 0, publishedAt, local: true, replayed: false };
        subscription.deliver(decode(bytes), context, bytes.length, undefined);
      }
    }
    if (this.firstLocal < this.localQueue.length) {
      if (this.firstLocal > 1_024) {
        this.localQueue = this.localQueue.slice(this.firstLocal);
        this.firstLocal = 0;
      }
      return;
    }
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
    this.watchers.tellGap({ from, reason: 'undecodable', missed: 1 }, topic);
  }

  private watcher<T>(label: string, handler: (event: T) => unknown, owner: object | undefined): WatcherOptions<T> {
    const onError = (who: string, what: string, error: unknown): void => this.logHandlerError(who, what, error);
    return { pattern: undefined, subscription: undefined, owner, label, handler, onError };
  }

  private logHandlerError(who: string, what: string, error: unknown): void {
    this.logger.error(`The handler ${who} failed on ${printable(what)}: ${describeErrorWithStack(error)}`);
  }
}

function readTime(bytes: Buffer, at: number): number {
  const high = (bytes[at]! << 8) | bytes[at + 1]!;
  const low = ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0;
  return high * 2 ** 32 + low;
}

/** Thrown when something is addressed that is no member at all. */
export function noMember(given: unknown): ClusterError {
  return new ClusterError(
    'CLUSTER_UNKNOWN_MEMBER',
    `publishTo() and forget() take a member or its incarnation, not ${describeValue(given)}. Take members from cluster.members() or from an event's context.`,
  );
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
