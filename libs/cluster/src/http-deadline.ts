/** A limit for the HTTP server that closes: one open page, or half a request, would keep it from that for ever. */
import type { Server } from 'node:http';
import { systemClock, type Timer } from '@rookery/runtime';
import { nestLogger } from './nest-logger.js';

const AGAIN_MS = 100;

export class HttpDeadline {
  private timer: Timer;
  private isOver = false;

  private constructor(
    private readonly server: Server,
    private readonly graceMs: number,
  ) {
    this.timer = systemClock.after(graceMs, () => this.cut());
    server.once('close', () => this.cancel());
  }

  /**
   * Cuts the connections of `server` once it has been closing for so long.
   *
   * @param server whatever the HTTP adapter has; one that cannot cut its connections is left alone
   * @returns undefined where there is nothing to limit
   */
  static set(server: unknown, graceMs: number): HttpDeadline | undefined {
    return isClosableServer(server) && server.listening ? new HttpDeadline(server, graceMs) : undefined;
  }

  /** The server has closed, or nobody waits for it any more. */
  cancel(): void {
    this.timer.cancel();
  }

  private cut(): void {
    // While it listens, the hooks of others are still at work: new connections would follow those that are cut.
    if (!this.server.listening) {
      if (!this.isOver) {
        nestLogger().warn(
          `The HTTP server did not close within ${this.graceMs} ms: its open connections are cut, so that this node can say ` +
            'goodbye. End event streams in beforeApplicationShutdown, or set ClusterLifecycle.httpGraceMs to allow more.',
        );
      }
      this.isOver = true;
      this.server.closeAllConnections();
    }
    this.timer = systemClock.after(AGAIN_MS, () => this.cut());
  }
}

/** Whether it is a server of HTTP/1, whose connections can be closed; adapters may have others, or none. */
export function isClosableServer(server: unknown): server is Server {
  return typeof (server as Partial<Server> | undefined)?.closeAllConnections === 'function';
}
