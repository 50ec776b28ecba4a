/** Nest's server side on the mesh: serves `@MessagePattern` and `@EventPattern`. */
import { Injectable } from '@nestjs/common';
import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { decode, encode } from '@rookery/mesh';
import type { CallContext, Reply } from '@rookery/rpc';
import { describeError } from '@rookery/runtime';
import type { EventContext } from 'rookery/mesh';
import { isObservable, lastValueFrom, type Subscription } from 'rxjs';
import { Cluster } from '../cluster.js';
import { nestLogger } from '../nest-logger.js';
import { answer, answerError } from './answering.js';
import { ClusterContext } from './cluster-context.js';
import { CLUSTER_TRANSPORT, type ClusterStatus, type ClusterTransportEvents, presenceOf } from './cluster-transport.js';
import { type EventHandlerEntry, HandlerRegistry } from './handler-registry.js';
import { hasWildcard, isObjectPattern, topicOf } from './patterns.js';

/**
 * The strategy that makes a Nest microservice of this node: any member may call its `@MessagePattern` handlers, and its
 * `@EventPattern` handlers hear what is emitted and published, wildcards (`flag.*`, `flag.>`) included. Every handler of an
 * event hears each sender in order and once; a gap comes to those who listen `on('gap', ...)`.
 *
 * The node itself starts with the application. Whatever is registered by then is announced with the node's first word.
 *
 * @example
 * const app = await NestFactory.create(AppModule);
 * app.connectMicroservice({ strategy: app.get(ClusterServer) }, { inheritAppConfig: true });
 * await app.startAllMicroservices();
 * await app.listen(3000);
 *
 * @example
 * const app = await NestFactory.createMicroservice(AppModule, {
 *   inject: [ClusterServer],
 *   useFactory: (strategy: ClusterServer) => ({ strategy }),
 * });
 * await app.listen();
 */
@Injectable()
export class ClusterServer extends Server<ClusterTransportEvents, ClusterStatus> implements CustomTransportStrategy {
  override transportId: symbol = CLUSTER_TRANSPORT;
  // The node logs the failures of event handlers, with the handler and the event.
  override readonly propagatesEventHandlerErrors = true;
  private readonly registry = new HandlerRegistry();
  /** What is served, each with how to end it. */
  private readonly served = new Map<unknown, () => void>();
  private readonly listeners: (() => void)[] = [];
  private presence: Subscription | undefined;
  private isHooked = false;

  constructor(private readonly cluster: Cluster) {
    super();
  }

  /**
   * Serves every handler registered so far. Called by Nest.
   * @param callback gets the error, such as `CLUSTER_INVALID_TOPIC` for an event pattern that is no topic
   */
  listen(callback: (error?: unknown) => void): void {
    try {
      this.serve();
    } catch (error) {
      this.stop();
      return callback(error);
    }
    this.presence ??= presenceOf(this.cluster).subscribe((status) => this._status$.next(status));
    callback();
  }

  /** Serves no more. What runs already is answered, see `ClusterLifecycle`. Called by Nest. */
  close(): void {
    this.stop();
    for (const end of this.listeners.splice(0)) end();
    this.presence?.unsubscribe();
    this.presence = undefined;
    this._status$.next('disconnected');
  }

  /** Listens to the node: `member.up`, `member.suspect`, `member.lost`, `member.left`, `gap`. Until the server closes. */
  on<Name extends keyof ClusterTransportEvents, Callback extends ClusterTransportEvents[Name]>(
    event: Name,
    callback: Callback,
  ): void {
    this.listeners.push(this.cluster.on(event, callback));
  }

  /** The {@link Cluster}. */
  unwrap<T = Cluster>(): T {
    return this.cluster as T;
  }

  /** Called by Nest for every handler. Unlike in Nest's servers, a pattern may be that of a message and that of events. */
  override addHandler(
    pattern: unknown,
    callback: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    const route = String(this.normalizePattern(pattern as string));
    Object.assign(callback, { isEventHandler, extras });
    if (isEventHandler) {
      this.registry.addEvent(route, callback);
    } else if (this.registry.addCall(route, callback)) {
      nestLogger().warn(`Two handlers serve '${route}' on this node: the later one answers from now on.`);
    }
    if (!isEventHandler || !this.messageHandlers.has(route)) this.messageHandlers.set(route, callback);
  }

  override setOnProcessingStartHook(hook: Parameters<Server['setOnProcessingStartHook']>[0]): void {
    super.setOnProcessingStartHook(hook);
    this.isHooked = true;
  }

  override setOnProcessingEndHook(hook: Parameters<Server['setOnProcessingEndHook']>[0]): void {
    super.setOnProcessingEndHook(hook);
    this.isHooked = true;
  }

  /**
   * Serves what is registered and not served yet.
   * @internal
   */
  serve(): void {
    const { rpc } = this.cluster;
    for (const pattern of this.registry.calls.keys()) {
      this.begin(`call ${pattern}`, () =>
        rpc.serve('call', pattern, (data, context, reply) => this.onCall(pattern, data, context, reply)),
      );
    }
    for (const [pattern, entries] of this.registry.events) {
      const topic = topicOf(pattern);
      for (const entry of entries) this.begin(entry, () => this.subscribe(pattern, topic, entry));
      // One of N is found by the very name of what it serves.
      if (hasWildcard(topic)) continue;
      this.begin(`event ${pattern}`, () =>
        rpc.serve('event', topic, (data, context, reply) => this.onEventCall(pattern, entries, data, context, reply)),
      );
    }
  }

  private begin(key: unknown, serve: () => () => void): void {
    if (!this.served.has(key)) this.served.set(key, serve());
  }

  private stop(): void {
    for (const end of this.served.values()) end();
    this.served.clear();
  }

  private subscribe(pattern: string, topic: string, { handler }: EventHandlerEntry): () => void {
    const named = isObjectPattern(pattern) ? pattern : undefined;
    const onEvent = (data: unknown, context: EventContext): Promise<void> =>
      this.hear(handler, data, new ClusterContext([context, named]));
    return this.cluster.subscribe(topic, onEvent, { label: `@EventPattern('${pattern}')` });
  }

  private onCall(pattern: string, data: unknown, source: CallContext, reply: Reply): void {
    const handler = this.registry.calls.get(pattern)!;
    const context = new ClusterContext([source]);
    // The usual case, and the one that has to be fast.
    if (!this.isHooked) return void this.run(handler, data, context, reply, nothing);
    this.process(
      context,
      (done) => void this.run(handler, data, context, reply, done),
      (error) => answerError(error, reply),
    );
  }

  private async run(
    handler: MessageHandler,
    data: unknown,
    context: ClusterContext,
    reply: Reply,
    done: () => void,
  ): Promise<void> {
    try {
      answer(await handler(data, context), reply, done);
    } catch (error) {
      answerError(error, reply);
      done();
    }
  }

  /** An event that was emitted to one member: all of its handlers hear it, and it is answered when they are done. */
  private onEventCall(
    pattern: string,
    entries: readonly EventHandlerEntry[],
    data: unknown,
    source: CallContext,
    reply: Reply,
  ): void {
    // A copy for each, made before the first of them may change anything.
    const copies = entries.map((_, index) => (index === 0 ? data : decode(encode(data))));
    const heard = entries.map(({ handler }, index) =>
      this.hear(handler, copies[index], new ClusterContext([source, pattern])),
    );
    void Promise.allSettled(heard).then((outcomes) => {
      const failure = outcomes.find((outcome) => outcome.status === 'rejected');
      if (failure === undefined) reply.end();
      else reply.fail(failure.reason);
    });
  }

  /** Resolves when the handler is done; rejects with what Nest's filters made of an error. */
  private hear(handler: MessageHandler, data: unknown, context: ClusterContext): Promise<void> {
    if (!this.isHooked) return runToEnd(handler, data, context);
    return new Promise((resolve, reject) => {
      this.process(
        context,
        (done) => void runToEnd(handler, data, context).finally(done).then(resolve, reject),
        reject,
      );
    });
  }

  /** Runs `work` between the processing hooks, if there are any. Never throws: what a hook throws goes to `fail`. */
  private process(context: ClusterContext, work: (done: () => void) => void, fail: (error: Error) => void): void {
    if (!this.isHooked) return work(nothing);
    const run = (end: () => void): Promise<void> => {
      work(() => this.endProcessing(end));
      return Promise.resolve();
    };
    try {
      const outcome: unknown = this.runWithProcessingHooks(context, run);
      // A hook may be asynchronous, and fail before it lets anything run.
      if (outcome instanceof Promise) outcome.catch(fail);
    } catch (error) {
      fail(error as Error);
    }
  }

  private endProcessing(end: () => void): void {
    try {
      end();
    } catch (error) {
      nestLogger().error('A processing end hook failed.', { error: describeError(error) });
    }
  }
}

/** The handler of an event is done when its Observable is, and what that emits is of no interest. */
async function runToEnd(handler: MessageHandler, data: unknown, context: ClusterContext): Promise<void> {
  const result: unknown = await handler(data, context);
  if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
}

function nothing(): void {}
