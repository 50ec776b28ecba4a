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

/** With the 3 s that leaving may take, an application is gone within 10 s. */
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
 * What keeps the HTTP server from closing, such as an open event stream, holds that up for {@link httpGraceMs} at most.
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
    @Optional() private readonly host?: HttpAdapterHost,
  ) {}

  /**
   * How long the HTTP server may take to close, in milliseconds: then connections that are still open are cut, so that the
   * goodbye is said. Set it before the application ends. @default 7000
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
      await this.cluster.start();
      await this.cluster.ready();
    } catch (error) {
      this.current = 'idle';
      this.explorer.release();
      throw error;
    }
    this.current = 'joined';
  }

  beforeApplicationShutdown(): void {
    if (this.current !== 'joined') return;
    this.current = 'draining';
    this.deadline = HttpDeadline.set(this.host?.httpAdapter?.getHttpServer(), this.graceMs);
  }

  async onApplicationShutdown(): Promise<void> {
    this.deadline?.cancel();
    // An application that was only created, or failed to start, has nothing to say goodbye for.
    if (this.current === 'idle' || this.current === 'left') return this.explorer.release();
    await this.cluster.leave();
    this.current = 'left';
    this.explorer.release();
  }
}
