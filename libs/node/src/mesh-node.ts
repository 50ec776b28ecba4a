/** A whole node without a framework: runtime, discovery, mesh and pub/sub put together. What `createMesh` returns. */
import { networkInterfaces } from 'node:os';
import { isThisHost } from 'rookery/discovery';
import {
  ClusterOptionsError,
  type Freshness,
  type Gap,
  type KeyRing,
  makeKeyRing,
  type Member,
  type MemberEvent,
  type MemberStatus,
  Mesh,
  type MeshOptions,
  type MeshStats,
  publishedAfterLeaving,
  type ResolvedMeshOptions,
  resolveMeshOptions,
  startedAfterLeaving,
  TlsTransport,
  type Transport,
} from '@rookery/mesh';
import {
  type ConfirmedPublication,
  departedMember,
  noMember,
  type EventHandler,
  PubSub,
  type SubscribeOptions,
  unknownMember,
} from '@rookery/pubsub';
import { type CallHandler, type CallOptions, type CallOutcome, checkCallOptions, Rpc } from '@rookery/rpc';
import {
  type Clock,
  delayProblem,
  describeError,
  type Random,
  stderrLogger,
  steadyLogger,
  systemClock,
  systemRandom,
} from '@rookery/runtime';
import { CallClient } from './call-client.js';
import type { PatternOf, RequestOf, ResponseOf } from './node-calls.js';
import type { NodeEvents, PayloadOf, TopicOf } from './node-events.js';

/** How long `publishConfirmed` waits by default. */
const CONFIRM_TIMEOUT_MS = 1_000;

/** What a node stands on. Tests replace it to run whole clusters in virtual time. */
export interface NodeEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  readonly makeKeys: (options: ResolvedMeshOptions) => Promise<KeyRing>;
  readonly makeTransport: (keys: KeyRing, options: ResolvedMeshOptions) => Transport;
  /** Whether an address is one of this very host. */
  readonly isThisHost: (host: string) => boolean;
}

/** This machine. @internal */
export const SYSTEM: NodeEnvironment = {
  clock: systemClock,
  random: systemRandom,
  makeKeys: (options) => makeKeyRing({ use: options.cookie.reveal(), accept: [] }),
  makeTransport: (keys, options) => new TlsTransport(keys, systemClock, options.logger),
  isThisHost: (host) => isThisHost(host, networkInterfaces()),
};

/**
 * One node of a cluster. `Events` maps topics to payload types; topics that it does not name take any payload. `Calls` maps
 * patterns to what is asked and answered, likewise.
 *
 * Errors carry a stable `code`: see `ClusterErrorCode`.
 */
export class MeshNode<Events extends object = Record<never, never>, Calls extends object = Record<never, never>> {
  /** @internal */
  readonly rpc: Rpc;
  private readonly calls: CallClient<Calls>;
  private readonly options: ResolvedMeshOptions;
  private readonly clock: Clock;
  private readonly mesh: Mesh;
  private readonly pubsub: PubSub;
  private starting: Promise<void> | undefined;
  private leaving: Promise<void> | undefined;

  /**
   * Checks the options and touches nothing else: nothing listens before {@link start}.
   * @throws ClusterOptionsError naming every problem; ClusterError `CLUSTER_COOKIE_UNAVAILABLE`
   */
  constructor(options: MeshOptions = {}, environment: NodeEnvironment = SYSTEM) {
    const { clock, random } = environment;
    this.options = resolveMeshOptions(options, random);
    this.clock = clock;
    this.pubsub = new PubSub(clock, this.options.logger, this.options.limits);
    this.rpc = new Rpc(clock, this.options.logger, this.options.limits);
    this.mesh = new Mesh(
      this.options,
      {
        clock,
        random,
        makeKeys: () => environment.makeKeys(this.options),
        makeTransport: (keys) => environment.makeTransport(keys, this.options),
        isThisHost: environment.isThisHost,
      },
      this.pubsub,
      this.rpc,
    );
    this.pubsub.attach(this.mesh);
    this.rpc.attach(this.mesh);
    this.calls = new CallClient(this.rpc, {});
  }

  /** This node as a member. Its address is known once it listens. */
  get self(): Member {
    return this.mesh.self;
  }

  /** Other nodes: those that are up or suspect, or those of one status. Never this node. */
  members(status?: MemberStatus): readonly Member[] {
    return this.mesh.members(status);
  }

  /**
   * Listens, and begins to look for peers. Resolves once it listens; calling it again returns the same promise.
   * @throws ClusterError `CLUSTER_LISTEN_FAILED`; nothing is left open then. `CLUSTER_LEFT` after {@link leave}
   */
  start(): Promise<void> {
    return this.leaving === undefined ? this.begin() : Promise.reject(startedAfterLeaving());
  }

  /**
   * Resolves when the first mesh is formed: every address of the first discovery answer, and every member those know, is
   * linked or has failed once. At the latest after `limits.readyTimeoutMs` (3 s). Rejects when {@link start} did, and with
   * `CLUSTER_LEFT` for a node that left without having been started.
   */
  async ready(): Promise<void> {
    await this.begin();
    await this.mesh.formed(this.options.limits.readyTimeoutMs);
  }

  /**
   * Leaves the cluster: answers the calls that it has taken ({@link drainCalls}), sends what waits, waits until the others
   * have it (each `limits.leaveTimeoutMs`, 2 s), says goodbye, closes. Idempotent, never rejects. Afterwards `publish` throws `CLUSTER_LEFT`.
   */
  leave(): Promise<void> {
    this.leaving ??= (async () => {
      // Whoever started it has been told why it failed.
      await this.starting?.catch(() => undefined);
      await this.rpc.drain(this.options.limits.leaveTimeoutMs);
      await this.mesh.leave();
      this.rpc.close();
      this.pubsub.close();
    })();
    return this.leaving;
  }

  /**
   * Tells every other node, and the subscribers of this one. Synchronous: the payload is encoded before it returns, so
   * it may be changed afterwards. Never waits and never fails for a slow peer; bulk loops await {@link writable}.
   *
   * @returns this node's sequence number of the publication
   * @throws ClusterError `CLUSTER_INVALID_TOPIC`, `CLUSTER_INVALID_PAYLOAD` (function, symbol, cycle; the message has the
   * path), `CLUSTER_PAYLOAD_TOO_LARGE` (beyond `limits.maxFrameBytes`), `CLUSTER_LEFT`. Nothing was published then.
   */
  publish<T extends TopicOf<Events>>(topic: T, payload: PayloadOf<Events, T>): number {
    return this.pubsub.publish(topic, payload);
  }

  /** Tells the subscribers of this process only. They get a copy, asynchronously. Throws as {@link publish} does. */
  publishLocal<T extends TopicOf<Events>>(topic: T, payload: PayloadOf<Events, T>): void {
    this.assertNotLeft();
    this.pubsub.publishLocal(topic, payload);
  }

  /**
   * Tells one member only, in the same order as everything else published here. Throws as {@link publish} does.
   *
   * @param member a member, or its incarnation; this node itself is allowed
   * @throws ClusterError `CLUSTER_UNKNOWN_MEMBER`, also for one that has left
   */
  publishTo<T extends TopicOf<Events>>(member: Member | string, topic: T, payload: PayloadOf<Events, T>): number {
    return this.pubsub.publishTo(this.addressable(member), topic, payload);
  }

  /**
   * Publishes, and resolves with what became of it on every member that was up or suspect: *handled*, not merely
   * received. Members without a handler for the topic count as confirmed. Throws as {@link publish} does.
   *
   * @param options.timeoutMs when to stop waiting, from 0 to 2147483647 ms. @default 1000
   * @throws ClusterOptionsError naming the option; nothing was published then
   */
  async publishConfirmed<T extends TopicOf<Events>>(
    topic: T,
    payload: PayloadOf<Events, T>,
    options: { readonly timeoutMs?: number } = {},
  ): Promise<ConfirmedPublication> {
    const { timeoutMs = CONFIRM_TIMEOUT_MS } = options;
    const problem = delayProblem('timeoutMs', timeoutMs);
    if (problem !== undefined) throw new ClusterOptionsError([problem], 'publishConfirmed(...)');
    return this.pubsub.publishConfirmed(topic, payload, timeoutMs);
  }

  /**
   * Resolves when every peer that makes progress has room for half a window: awaited in a bulk loop, it keeps the loop
   * from outrunning the window. A peer that made no progress for 200 ms is not waited for.
   *
   * @example
   * for (const row of rows) {
   *   cluster.publish('row.imported', row);
   *   await cluster.writable();
   * }
   */
  writable(): Promise<void> {
    return this.mesh.writable();
  }

  /**
   * Calls `handler` for every event of a topic or pattern (`flag.*` one segment, `flag.>` all that follow), from all
   * nodes including this one: per sender in order and once. While a handler's promise is pending, what follows waits.
   *
   * @returns a function that ends the subscription
   * @throws ClusterError `CLUSTER_INVALID_TOPIC`
   */
  subscribe<T extends TopicOf<Events>>(
    topic: T,
    handler: EventHandler<PayloadOf<Events, T>>,
    options?: SubscribeOptions,
  ): () => void {
    return this.pubsub.subscribe(topic, handler as EventHandler, options);
  }

  /** Calls `handler` for every gap. With a topic, gaps of single subscriptions count only where the topics overlap. */
  subscribeGap(topic: string | undefined, handler: (gap: Gap) => unknown, options?: SubscribeOptions): () => void {
    return this.pubsub.subscribeGap(topic, handler, options);
  }

  /** Calls `handler` whenever a member becomes `status`. */
  subscribeMember(
    status: MemberStatus,
    handler: (event: MemberEvent) => unknown,
    options?: SubscribeOptions,
  ): () => void {
    return this.pubsub.subscribeMember(status, handler, options);
  }

  /**
   * Hears about members and gaps. `member.up` comes before anything from that member reaches a handler, `member.lost` and
   * `member.left` after everything has; up and down alternate. Handlers that return promises may still be at work then:
   * `subscribeMember` and `subscribeGap` with an `owner` wait for the subscriptions of that owner. A suspect member that is
   * linked again says nothing: it never was down.
   *
   * @returns a function that ends it
   */
  on<K extends keyof NodeEvents>(name: K, listener: (event: NodeEvents[K]) => void): () => void {
    const options = { label: `listener of '${name}'` };
    if (name === 'gap') return this.pubsub.subscribeGap(undefined, listener as (gap: Gap) => void, options);
    const status = name.slice('member.'.length) as MemberStatus;
    return this.pubsub.subscribeMember(status, listener as (event: MemberEvent) => void, options);
  }

  /**
   * Asks one member that serves `pattern`: the one with the fewest calls in flight, unless the options choose. Runs at most
   * once, unless marked `idempotent`. Calls overtake publications: no order holds between the two. Leave `data` as it is until
   * the call is over: when a member refuses it, another one is asked, with what it is then.
   *
   * @example
   * const quote = await cluster.request('pricing.quote', { sku }, { key: sku, timeoutMs: 200 });
   *
   * @throws ClusterCallError `NO_PEER`, `PEER_LOST`, `TIMEOUT`, `REJECTED`, `DRAINING`, `FAILED` (see `CallErrorCode`);
   * before anything is sent, ClusterError as {@link CallClient} says
   */
  request<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): Promise<ResponseOf<Calls, P>> {
    return this.calls.request(pattern, data, options);
  }

  /** Asks every member that serves `pattern`, this one included; one outcome for each, failures included. */
  requestAll<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): Promise<readonly CallOutcome<ResponseOf<Calls, P>>[]> {
    return this.calls.requestAll(pattern, data, options);
  }

  /**
   * Asks one member for a stream, which is asked for more only as values are taken.
   *
   * @example
   * for await (const change of cluster.requestStream('flags.history', { key: 'checkout' })) console.log(change);
   */
  requestStream<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): AsyncIterable<ResponseOf<Calls, P>> {
    return this.calls.requestStream(pattern, data, options);
  }

  /**
   * Answers calls: with what `handler` returns, or resolves to, or yields. What it throws arrives as `FAILED`, without its
   * stack. Register before {@link start}, so that others know it as soon as they see this node.
   *
   * @returns a function that ends it
   * @throws ClusterError `CLUSTER_INVALID_PATTERN`, `CLUSTER_TOO_MANY_PATTERNS`
   */
  respond<P extends PatternOf<Calls>>(
    pattern: P,
    handler: CallHandler<RequestOf<Calls, P>, ResponseOf<Calls, P>>,
  ): () => void {
    return this.rpc.respond(pattern, handler as CallHandler);
  }

  /**
   * Calls with the same choices each time, and types of their own.
   *
   * @example
   * const billing = cluster.client<BillingCalls>({ where: { zone: 'eu-1' }, timeoutMs: 300 });
   * const invoice = await billing.request('invoice.get', { id });
   *
   * @throws ClusterOptionsError naming every problem
   */
  client<Patterns extends object = Calls>(defaults: CallOptions = {}): CallClient<Patterns> {
    checkCallOptions(defaults, 'client(...)');
    return new CallClient(this.rpc, defaults);
  }

  /**
   * Takes no new calls (callers go elsewhere by themselves), and resolves when those that run are answered, or after
   * `timeoutMs`. {@link leave} does it, too.
   */
  async drainCalls(timeoutMs: number): Promise<void> {
    const problem = delayProblem('timeoutMs', timeoutMs);
    if (problem !== undefined) throw new ClusterOptionsError([problem], 'drainCalls(...)');
    await this.rpc.drain(timeoutMs);
  }

  /** Whether everything known here is recent, judged at the moment of the call, with the reasons if not. */
  freshness(): Freshness {
    return this.mesh.freshness();
  }

  /**
   * Declares a member dead that cannot prove it itself, such as one on a host that will not return. It becomes `lost`.
   * @throws ClusterError `CLUSTER_UNKNOWN_MEMBER`
   */
  forget(member: Member | string): void {
    const incarnation = incarnationOf(member);
    if (!this.mesh.forget(incarnation)) throw unknownMember(incarnation);
  }

  /** Links, bytes, log, cursor lag, round-trip times, and what came of every address. */
  stats(): MeshStats {
    return this.mesh.stats();
  }

  /** A member that may still hear us. One that is lost may return; one that left never does. */
  private addressable(member: Member | string): string {
    const incarnation = incarnationOf(member);
    const known = this.mesh.member(incarnation);
    if (known === undefined) throw unknownMember(incarnation);
    if (known.status === 'left' && incarnation !== this.mesh.incarnation) throw departedMember(known);
    return incarnation;
  }

  /** Starts it, once in its life: one that began after it was left could never be left again. */
  private begin(): Promise<void> {
    if (this.starting === undefined && this.leaving !== undefined) return Promise.reject(startedAfterLeaving());
    this.starting ??= this.mesh.start();
    return this.starting;
  }

  private assertNotLeft(): void {
    if (this.mesh.isLeft) throw publishedAfterLeaving();
  }
}

/** Callers without types may give anything, such as what `find` returned for a member that is gone. */
function incarnationOf(member: Member | string): string {
  const given: unknown = member;
  const incarnation = typeof given === 'object' && given !== null ? (given as Partial<Member>).incarnation : given;
  if (typeof incarnation === 'string') return incarnation;
  throw noMember(given);
}

/**
 * A node that starts by itself. Subscribe right away: nothing arrives before the current turn is over.
 *
 * @example
 * const mesh = createMesh({ cookie: process.env.CLUSTER_COOKIE, discovery: staticPeers([{ host: '10.0.3.7', port: 4370 }]) });
 * mesh.subscribe('flag.changed', (flag, { from }) => console.log(from.name, flag));
 * await mesh.ready();
 * mesh.publish('flag.changed', { key: 'checkout', enabled: true });
 *
 * @throws ClusterOptionsError naming every problem; a failure to listen rejects `ready()`
 */
export function createMesh<Events extends object = Record<never, never>, Calls extends object = Record<never, never>>(
  options: MeshOptions = {},
): MeshNode<Events, Calls> {
  const node = new MeshNode<Events, Calls>(options);
  // Whoever awaits `ready()` gets the error, too; the process must not end for it where nobody does.
  node.start().catch((error: unknown) => steadyLogger(options.logger ?? stderrLogger).error(describeError(error)));
  return node;
}
