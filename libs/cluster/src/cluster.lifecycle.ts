/** When the node starts and leaves: tied to the life of the Nest application. */
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { delayProblem, systemClock } from '@rookery/runtime';
import { ClusterOptionsError } from 'rookery/mesh';
import { Cluster } from './cluster.js';
import { CLUSTER_OPTIONS, type ClusterOptions } from './cluster.options.js';
import { ClusterExplorer } from './events/cluster.explorer.js';
import { HttpDeadline, isClosableServer } from './http-deadline.js';
import { HttpDrain } from './http-drain.js';
import { readLifecycleOptions } from './lifecycle-options.js';
import { ClusterServer } from './microservice/cluster-server.js';
import { presenceOf } from './microservice/cluster-transport.js';
import { nestLogger } from './nest-logger.js';

/** For running calls and the HTTP server together. With the 3 s that leaving may take, an application is gone within 10 s, on top of `drainDelayMs`. */
const HTTP_GRACE_MS = 7_000;

/**
 * `idle`: not started, or the start failed. `joining`: listening and looking for peers. `joined`: the first mesh is
 * formed. `draining`: the application is about to end; take it out of load balancing. `left`: said goodbye.
 */
export type ClusterPhase = 'idle' | 'joining' | 'joined' | 'draining' | 'left';

/**
 * Starts the node in `onApplicationBootstrap`, once every handler is subscribed, so that `app.listen` and `app.init`
 * wait for the first mesh (`limits.readyTimeoutMs`, 3 s at most) and fail if the node cannot start. Leaves in
 * `onApplicationShutdown`, when the HTTP server is closed: what the last requests published still goes out.
 *
 * Being global, the module comes first when the application starts and last when it ends: what others publish in their
 * own shutdown hooks is sent, too.
 *
 * When the application is told to end, the phase becomes `draining` in `onModuleDestroy`, before anybody's
 * `beforeApplicationShutdown`, and answers over HTTP ask their clients to close the connection. The application serves on for
 * `drainDelayMs`. After that, still in `beforeApplicationShutdown`, no new calls are taken (callers go elsewhere by themselves),
 * and those that run are answered. They, and what keeps the HTTP server from closing, such as an open event stream, hold the
 * goodbye up for {@link httpGraceMs} at most.
 */
@Injectable()
export class ClusterLifecycle
  implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown
{
  private current: ClusterPhase = 'idle';
  private graceMs = HTTP_GRACE_MS;
  private readonly drainDelayMs: number;
  private drain: HttpDrain | undefined;
  private deadline: HttpDeadline | undefined;
  /** Until the application has served on for long enough. */
  private delay: Promise<void> | undefined;
  /** Until running calls are answered, too. Kept, so that closing again waits for the same. */
  private drained: Promise<void> | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly explorer: ClusterExplorer,
    private readonly server: ClusterServer,
    @Optional() private readonly host?: HttpAdapterHost,
    @Optional() @Inject(CLUSTER_OPTIONS) options: ClusterOptions = {},
  ) {
    const { resolved, problems } = readLifecycleOptions(options);
    if (problems.length > 0) throw new ClusterOptionsError(problems);
    this.drainDelayMs = resolved.drainDelayMs;
  }

  /**
   * How long running calls and then the HTTP server may take to end, in milliseconds from the end of `drainDelayMs`:
   * then connections that are still open are cut, so that the goodbye is said. Set it before the application ends. @default 7000
   * @throws ClusterOptionsError for a time that no timer can keep
   */
  get httpGraceMs(): number {
    return this.graceMs;
  }

  set httpGraceMs(graceMs: number) {
    const problem = delayProblem('httpGraceMs', graceMs);
    if (problem !== undefined) throw new ClusterOptionsError([problem], 'ClusterLifecycle');
    this.graceMs = graceMs;
  }

  /** Where the node is in its life; a readiness probe wants `joined`. */
  get phase(): ClusterPhase {
    return this.current;
  }

  /** Called by Nest, as all below. */
  onModuleInit(): void {
    this.explorer.bind();
  }

  async onApplicationBootstrap(): Promise<void> {
    this.explorer.subscribe();
    this.current = 'joining';
    try {
      // So that the first word of this node names what it serves. What is registered later, `listen` serves.
      this.server.serve();
      await this.cluster.start();
      await this.cluster.ready();
    } catch (error) {
      this.current = 'idle';
      this.server.close();
      this.explorer.release();
      throw error;
    }
    this.current = 'joined';
    presenceOf(this.cluster).next('connected');
  }

  /** As early as Nest tells: others' hooks that take their time shall not keep the readiness probe from failing. */
  onModuleDestroy(): void {
    if (this.current !== 'joined') return;
    this.current = 'draining';
    const server = this.httpServer;
    this.drain = HttpDrain.begin(server);
    // Nobody was sent to a server that never listened: a failed start ends at once.
    if (this.drainDelayMs === 0 || (isClosableServer(server) && !server.listening)) return;
    nestLogger().info(`Draining: this application serves on for ${this.drainDelayMs} ms.`);
    this.delay = new Promise((resolve) => void systemClock.after(this.drainDelayMs, resolve));
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.current === 'draining') await (this.drained ??= this.endCalls());
  }

  async onApplicationShutdown(): Promise<void> {
    this.deadline?.cancel();
    this.drain?.end();
    // An application that was only created, or failed to start, has nothing to say goodbye for.
    if (this.current === 'idle' || this.current === 'left') return this.explorer.release();
    presenceOf(this.cluster).next('disconnected');
    await this.cluster.leave();
    this.current = 'left';
    this.explorer.release();
  }

  private async endCalls(): Promise<void> {
    await this.delay;
    this.deadline = HttpDeadline.set(this.httpServer, this.graceMs);
    this.drain?.sweep();
    await this.cluster.drainCalls(this.graceMs);
  }

  private get httpServer(): unknown {
    return this.host?.httpAdapter?.getHttpServer() as unknown;
  }
}
