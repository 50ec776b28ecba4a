/** Nest's client side on the mesh: `send` and `emit` to any member, to a chosen one, or to all. */
import { Injectable } from '@nestjs/common';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import type { CallOptions, ClusterCallError, OpenCall } from '@rookery/rpc';
import type { Member } from 'rookery/mesh';
import { distinctUntilChanged, Observable, type Subscriber } from 'rxjs';
import type { Cluster } from '../cluster.js';
import { ClientBinding } from './client-binding.js';
import { checkChoice, checkClientOptions, type ClusterClientOptions } from './client-options.js';
import type { ClusterStatus, ClusterTransportEvents } from './cluster-transport.js';
import { Emission } from './emission.js';
import { askEach, publishToEach } from './every-member.js';
import { topicOf } from './patterns.js';

/**
 * Sends to the members of the cluster. Injectable as it stands wherever `ClusterModule` is imported, or by `ClientsModule`
 * with `customClass`. There is nothing to connect: the node is connected already.
 *
 * `send` asks one member that serves the pattern, the one with the fewest calls in flight from here; its Observable is cold,
 * and unsubscribing stops the work on the other side. `emit` tells every member that has a handler, as
 * `cluster.publish` does: in order, again after a broken link, or with a gap.
 *
 * Views choose otherwise: {@link to}, {@link by}, {@link where}, {@link local}, {@link one}, {@link all},
 * {@link withDeadline}, {@link idempotent}. They are clients too, cost next to nothing, and combine.
 *
 * What an `RpcException` was thrown with arrives as it is; everything else is a `ClusterCallError` with its `code`.
 *
 * @example
 * constructor(private readonly client: ClusterClient) {}
 *
 * price(sku: string): Observable<Price> {
 *   return this.client.by(sku).withDeadline(200).send<Price>('prices.get', { sku });
 * }
 */
@Injectable()
export class ClusterClient extends ClientProxy<ClusterTransportEvents> {
  /**
   * How it knows its cluster.
   * @internal
   */
  readonly binding: ClientBinding;
  private options: CallOptions;
  /** Whether it speaks to every member that serves the pattern. */
  private isForAll = false;
  /** Whether an event goes to one member. */
  private isForOne: boolean;

  /** @throws ClusterOptionsError naming every problem, such as an option of another transport */
  constructor(options: ClusterClientOptions = {}) {
    super();
    const { cluster, ...defaults } = options;
    checkClientOptions(defaults);
    this.binding = new ClientBinding(cluster);
    this.options = defaults;
    this.isForOne = defaults.to !== undefined || defaults.key !== undefined || defaults.where !== undefined;
  }

  // ---- views ------------------------------------------------------------------------------------------------------

  /**
   * Speaks to this member: one of `cluster.members()`, its incarnation, or its name.
   * @throws ClusterOptionsError for what is none of these, as {@link by} and {@link where} do for theirs
   */
  to(member: Member | string): this {
    checkChoice('to', member);
    return this.view({ to: member }, { isForOne: true });
  }

  /**
   * Speaks to the member that the key belongs to: the same one for the same key, as long as it serves the pattern.
   * @throws ClusterOptionsError where it is no text
   */
  by(key: string): this {
    checkChoice('key', key);
    return this.view({ key }, { isForOne: true, isForAll: false });
  }

  /**
   * Speaks to members whose metadata has these values, such as `{ zone: 'eu-1' }`.
   * @throws ClusterOptionsError where it is no object
   */
  where(metadata: Readonly<Record<string, unknown>>): this {
    checkChoice('where', metadata);
    return this.view({ where: metadata }, { isForOne: true });
  }

  /** Sends to this node itself, if it serves the pattern. */
  local(): this {
    return this.view({ prefer: 'local' });
  }

  /** `emit` goes to one member that has a handler, and completes when it has handled it; it fails as `send` does. */
  one(): this {
    return this.view({}, { isForOne: true, isForAll: false });
  }

  /**
   * Speaks to every member that serves the pattern. `send` emits a `CallOutcome` for each as it answers: `{ member, value }`
   * or `{ member, error }`; it fails only when there is no such member. With {@link to} and {@link where}, to those only.
   *
   * @example
   * client.all().send<CallOutcome<Stats>>('cache.stats', {}).subscribe(({ member, value, error }) => ...);
   */
  all(): this {
    return this.view({ key: undefined, prefer: undefined }, { isForAll: true });
  }

  /**
   * Gives up after so long, and tells the member to stop.
   * @param timeoutMs from 0 to 2147483647 ms
   * @throws ClusterOptionsError for a time that no timer can keep
   */
  withDeadline(timeoutMs: number): this {
    checkClientOptions({ timeoutMs });
    return this.view({ timeoutMs });
  }

  /** Handlers may run twice without harm: when a member is lost during a call, another one is asked. */
  idempotent(): this {
    return this.view({ idempotent: true });
  }

  // ---- what Nest's clients do -------------------------------------------------------------------------------------

  /**
   * Asks, once for each subscriber. The Observable emits what the handler answers, and fails with what it threw or with a
   * `ClusterCallError`. Pattern and data must be given; objects are patterns, too.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Nest declares it
  override send<TResult = any, TInput = any>(pattern: unknown, data: TInput): Observable<TResult> {
    // Nest's own answer to a pattern or data that is missing.
    if (pattern == null || data == null) return super.send<TResult, TInput>(pattern, data);
    // Not Nest's chain of defer, promise and mergeMap: there is no connection to wait for.
    return new Observable((subscriber) => this.ask(this.createPacket(pattern, data), subscriber));
  }

  /**
   * Tells, at once and whether anybody subscribes or not. The Observable completes when the event is published, and on views
   * that choose one member when that has handled it. A failure that nobody subscribes to is logged.
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Nest declares it
  override emit<TResult = any, TInput = any>(pattern: unknown, data: TInput): Observable<TResult> {
    if (pattern == null || data == null) return super.emit<TResult, TInput>(pattern, data);
    return this.tell(() => this.createPacket(pattern, data)) as Observable<TResult>;
  }

  /** Whether the node is part of its cluster: what it is, and what it becomes. Nothing before it has started. */
  override get status(): Observable<ClusterStatus> {
    return this.binding.status.pipe(distinctUntilChanged());
  }

  /** Resolves at once: the node starts with the application, and this client needs nothing else. */
  connect(): Promise<void> {
    // eslint-disable-next-line @typescript-eslint/require-await -- so that what it throws rejects
    return (async () => void this.binding.cluster)();
  }

  /** Ends what `on` began. There is no connection to close, so the client may be used on. */
  close(): void {
    this.binding.endListening();
  }

  /** Listens to the node: `member.up`, `member.suspect`, `member.lost`, `member.left`, `gap`. Until the client is closed. */
  override on<Name extends keyof ClusterTransportEvents, Callback extends ClusterTransportEvents[Name]>(
    event: Name,
    callback: Callback,
  ): void {
    this.binding.on(event, callback);
  }

  /**
   * The {@link Cluster}.
   * @throws ClusterUsageError `CLUSTER_NOT_BOUND`
   */
  unwrap<T = Cluster>(): T {
    return this.binding.cluster as T;
  }

  // ---- inside -----------------------------------------------------------------------------------------------------

  /** For those who drive a client by packets, as Nest's own `send` does. */
  protected override publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const subscription = new Observable<unknown>((subscriber) => this.ask(packet, subscriber)).subscribe({
      next: (response) => callback({ response }),
      error: (err: unknown) => callback({ err, isDisposed: true }),
      complete: () => callback({ isDisposed: true }),
    });
    return () => subscription.unsubscribe();
  }

  /** As {@link publish}, for events. */
  protected override dispatchEvent<T = unknown>(packet: ReadPacket): Promise<T> {
    return new Promise((resolve, reject) => {
      this.tell(() => packet).subscribe({ complete: () => resolve(undefined as T), error: reject });
    });
  }

  /** @returns what ends it */
  private ask<T>(packet: ReadPacket, subscriber: Subscriber<T>): () => void {
    const { rpc } = this.binding.cluster;
    const route = this.routeOf(packet);
    const options = this.optionsFor(packet);
    if (this.isForAll) return askEach(rpc, route, packet.data, options, subscriber as Subscriber<never>);
    const call: OpenCall = rpc.open('call', route, packet.data, options, {
      next: (value) => this.give(value, subscriber),
      complete: () => subscriber.complete(),
      error: (error) => subscriber.error(this.toError(error)),
    });
    return () => call.cancel();
  }

  /** What a subclass throws fails its own request: here it would reach the link that the answer came by. */
  private give<T>(value: unknown, subscriber: Subscriber<T>): void {
    let response: unknown;
    try {
      response = this.serializeResponse(value);
    } catch (error) {
      return subscriber.error(error);
    }
    subscriber.next(response as T);
  }

  private tell(makePacket: () => ReadPacket): Observable<undefined> {
    const emission = new Emission();
    try {
      const packet = makePacket();
      const cluster = this.binding.cluster;
      const topic = topicOf(this.routeOf(packet));
      if (this.isForOne && !this.isForAll) {
        this.tellOne(cluster, topic, packet, emission);
      } else {
        if (this.options.to === undefined && this.options.where === undefined) cluster.publish(topic, packet.data);
        else publishToEach(cluster, this.options, topic, packet.data);
        emission.succeed();
      }
    } catch (error) {
      emission.fail(this.asTold(error), error);
    }
    return emission.result;
  }

  private tellOne(cluster: Cluster, topic: string, packet: ReadPacket, emission: Emission): void {
    cluster.rpc.open('event', topic, packet.data, this.optionsFor(packet), {
      next: () => undefined,
      complete: () => emission.succeed(),
      error: (error) => emission.fail(this.toError(error), error),
    });
  }

  private routeOf(packet: ReadPacket): string {
    return String(this.normalizePattern(packet.pattern as string));
  }

  private optionsFor({ metadata }: ReadPacket): CallOptions {
    return metadata === undefined
      ? this.options
      : { ...this.options, metadata: { ...this.options.metadata, ...metadata } };
  }

  private toError(error: ClusterCallError): unknown {
    return this.asTold(error.code === 'FAILED' ? error.payload : error);
  }

  private asTold(error: unknown): unknown {
    try {
      return this.serializeError(error);
    } catch (thrown) {
      return thrown;
    }
  }

  /**
   * A client like this one but for its choices. It inherits from this very instance: so it has the hooks that are set later, the
   * binding that comes later, and what a subclass overrides.
   */
  private view(options: CallOptions, aim: { readonly isForOne?: boolean; readonly isForAll?: boolean } = {}): this {
    const view = Object.create(this) as this;
    return Object.assign(view, { options: { ...this.options, ...options } }, aim);
  }
}
