/** When the node starts and leaves: tied to the life of the Nest application. */
import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  Optional,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { delayProblem } from '@rookery/runtime';
import { ClusterOptionsError } from 'rookery/mesh';
import { Cluster } from './cluster.js';
import { ClusterExplorer } from './events/cluster.explorer.js';
import { HttpDeadline } from './http-deadline.js';
import { ClusterServer } from './microservice/cluster-server.js';
import { presenceOf } from './microservice/cluster-transport.js';

/** For running calls and the HTTP server together. With the 3 s that leaving may take, an application is gone within 10 s. */
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
 * In between, in `beforeApplicationShutdown`, no new calls are taken (callers go elsewhere by themselves), and those that run
 * are answered. They, and what keeps the HTTP server from closing, such as an open event stream, hold the goodbye up for
 * {@link httpGraceMs} at most.
 */
@Injectable()
export class ClusterLifecycle
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private current: ClusterPhase = 'idle';
  private graceMs = HTTP_GRACE_MS;
  private deadline: HttpDeadline | undefined;

  constructor(
    private readonly cluster: Cluster,
    private readonly explorer: ClusterExplorer,
    private readonly server: ClusterServer,
    @Optional() private readonly host?: HttpAdapterHost,
  ) {}

  /**
   * How long running calls and then the HTTP server may take to end, in milliseconds from the moment when the node begins to
   * drain: then connections that are still open are cut, so that the goodbye is said. Set it before the application ends. @default 7000
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

  async beforeApplicationShutdown(): Promise<void> {
    if (this.current !== 'joined') return;
    this.current = 'draining';
    this.deadline = HttpDeadline.set(this.host?.httpAdapter?.getHttpServer(), this.graceMs);
    await this.cluster.drainCalls(this.graceMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.deadline?.cancel();
    // An application that was only created, or failed to start, has nothing to say goodbye for.
    if (this.current === 'idle' || this.current === 'left') return this.explorer.release();
    presenceOf(this.cluster).next('disconnected');
    await this.cluster.leave();
    this.current = 'left';
    this.explorer.release();
  }
}
