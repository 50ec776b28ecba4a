/** A cluster of one process and no sockets: an ordered bus that calls handlers at once, and notes what it was asked to do. */
import { decode, encode } from '@rookery/mesh';
import { encodeTopic, matches } from '@rookery/pubsub';
import {
  type Cluster,
  type ConfirmedPublication,
  type EventContext,
  type EventHandler,
  type Freshness,
  type Gap,
  type Member,
  type MemberEvent,
  type MemberStatus,
  type MeshStats,
  type SubscribeOptions,
} from 'rookery';

/** The face of a cluster, without its insides, and without calls. */
type Face = Omit<
  { [Key in keyof Cluster]: Cluster[Key] },
  'rpc' | 'request' | 'requestAll' | 'requestStream' | 'respond' | 'client'
>;

export function memberNamed(name: string, status: MemberStatus = 'up'): Member {
  const incarnation = Buffer.from(name.padEnd(8).slice(0, 8)).toString('hex');
  return { name, incarnation, status, address: { host: '127.0.0.1', port: 4370 }, metadata: {} };
}

interface Subscription {
  readonly topic: string;
  readonly options: SubscribeOptions;
  readonly handler: EventHandler;
  /** The handler's promise, while it is pending: what follows waits for it. */
  busy: Promise<void> | undefined;
}

export class FakeCluster implements Face {
  readonly self: Member;
  /** What became of the life cycle, in order. */
  readonly calls: string[] = [];
  readonly published: { readonly topic: string; readonly payload: unknown }[] = [];
  /** One entry for each failed handler, as the node would log it. */
  readonly failures: { readonly label: string | undefined; readonly topic: string; readonly error: unknown }[] = [];
  readonly subscriptions = new Set<Subscription>();
  readonly gapSubscriptions = new Set<{
    readonly topic: string | undefined;
    readonly handler: (gap: Gap) => unknown;
    readonly options: SubscribeOptions;
  }>();
  readonly memberSubscriptions = new Set<{
    readonly status: MemberStatus;
    readonly handler: (event: MemberEvent) => unknown;
    readonly options: SubscribeOptions;
  }>();
  /** Thrown by `start`. */
  startError: Error | undefined;
  /** Thrown by `publish`. */
  publishError: Error | undefined;
  /** What `publishConfirmed` waits for. */
  confirmation: Promise<ConfirmedPublication> = Promise.resolve({ confirmed: [], failed: [], pending: [] });
  peers: readonly Member[] = [];

  constructor(name = 'fake') {
    this.self = memberNamed(name);
  }

  members(status?: MemberStatus): readonly Member[] {
    const wanted = status === undefined ? ['up', 'suspect'] : [status];
    return this.peers.filter((peer) => wanted.includes(peer.status));
  }

  async start(): Promise<void> {
    this.calls.push(`start with ${this.subscriptions.size} subscribed`);
    await Promise.resolve();
    if (this.startError) throw this.startError;
  }

  async ready(): Promise<void> {
    await Promise.resolve();
    this.calls.push('ready');
  }

  async drainCalls(): Promise<void> {
    await Promise.resolve();
    this.calls.push('drainCalls');
  }

  async leave(): Promise<void> {
    await Promise.resolve();
    this.calls.push('leave');
  }

  publish(topic: string, payload: unknown): number {
    encodeTopic(topic);
    if (this.publishError) throw this.publishError;
    const bytes = encode(payload);
    const seq = this.published.push({ topic, payload: decode(bytes) });
    const context: EventContext = { topic, from: this.self, seq, publishedAt: 0, local: true, replayed: false };
    for (const subscription of this.subscriptions) {
      if (matches(subscription.topic, topic)) this.deliver(subscription, decode(bytes), context);
    }
    return seq;
  }

  publishLocal(topic: string, payload: unknown): void {
    this.publish(topic, payload);
  }

  publishTo(_member: Member | string, topic: string, payload: unknown): number {
    return this.publish(topic, payload);
  }

  publishConfirmed(
    topic: string,
    payload: unknown,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<ConfirmedPublication> {
    this.calls.push(`publishConfirmed ${JSON.stringify(options)}`);
    this.publish(topic, payload);
    return this.confirmation;
  }

  subscribe(topic: string, handler: EventHandler<never>, options: SubscribeOptions = {}): () => void {
    const subscription: Subscription = { topic, handler: handler as EventHandler, options, busy: undefined };
    this.subscriptions.add(subscription);
    return () => void this.subscriptions.delete(subscription);
  }

  subscribeGap(topic: string | undefined, handler: (gap: Gap) => unknown, options: SubscribeOptions = {}): () => void {
    const subscription = { topic, handler, options };
    this.gapSubscriptions.add(subscription);
    return () => void this.gapSubscriptions.delete(subscription);
  }

  subscribeMember(
    status: MemberStatus,
    handler: (event: MemberEvent) => unknown,
    options: SubscribeOptions = {},
  ): () => void {
    const subscription = { status, handler, options };
    this.memberSubscriptions.add(subscription);
    return () => void this.memberSubscriptions.delete(subscription);
  }

  async gap(gap: Gap): Promise<void> {
    for (const { handler } of this.gapSubscriptions) await handler(gap);
  }

  async becomes(status: MemberStatus, event: MemberEvent): Promise<void> {
    for (const subscription of this.memberSubscriptions) {
      if (subscription.status === status) await subscription.handler(event);
    }
  }

  /** Resolves when no handler is pending any more. */
  async settled(): Promise<void> {
    for (;;) {
      const busy = [...this.subscriptions].flatMap((subscription) => subscription.busy ?? []);
      if (busy.length === 0) return;
      await Promise.all(busy);
    }
  }

  freshness(): Freshness {
    return { fresh: true, reasons: [] };
  }

  stats(): MeshStats {
    return {
      log: { head: this.published.length, first: 1, bytes: 0 },
      links: [],
      strategies: [],
      discovery: [],
      detours: [],
      overruns: 0,
    };
  }

  writable(): Promise<void> {
    return Promise.resolve();
  }

  on(): () => void {
    return () => undefined;
  }

  forget(): void {
    return undefined;
  }

  private deliver(subscription: Subscription, payload: unknown, context: EventContext): void {
    if (subscription.busy === undefined) this.hold(subscription, this.call(subscription, payload, context));
    else
      this.hold(
        subscription,
        subscription.busy.then(() => this.call(subscription, payload, context)),
      );
  }

  private hold(subscription: Subscription, done: Promise<void> | undefined): void {
    const busy = done?.then(() => {
      if (subscription.busy === busy) subscription.busy = undefined;
    });
    subscription.busy = busy;
  }

  private call({ handler, options }: Subscription, payload: unknown, context: EventContext): Promise<void> | undefined {
    const fail = (error: unknown): void => {
      this.failures.push({ label: options.label, topic: context.topic, error });
    };
    try {
      const result = handler(payload, context);
      if (result instanceof Promise) return result.then(() => undefined, fail);
    } catch (error) {
      fail(error);
    }
    return undefined;
  }
}
