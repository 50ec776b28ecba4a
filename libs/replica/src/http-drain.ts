/**
 * Lets the HTTP server come to its end without a request that goes unanswered.
 *
 * First it serves on for a while: the readiness probe says `draining`, so that whoever balances the load takes this
 * replica out, and every answer asks its client to close the connection. Were the server closed at once, a kept
 * connection would be cut just when the client sends its next request on it. Then Nest closes the server, which by itself
 * waits for connections that merely idle, and for ever for a client that sent half a request; closing all by force would
 * cut requests that are being answered.
 */
import type { Server, ServerResponse } from 'node:http';
import type { BeforeApplicationShutdown } from '@nestjs/common';
import type { HttpAdapterHost } from '@nestjs/core';
import { systemClock } from '@rookery/runtime';

/** Requests that are being answered when the server closes get this long. */
const GRACE_MS = 4_000;
const SWEEP_MS = 50;

export class HttpDrain implements BeforeApplicationShutdown {
  #isDraining = false;

  /** @param drainMs how long to serve on */
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly drainMs: number,
  ) {}

  /** Whether the application was told to end. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Nest closes the server once this has resolved. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#isDraining = true;
    const server = this.host.httpAdapter.getHttpServer() as Server;
    if (!server.listening) return;
    server.prependListener('request', (_request, response: ServerResponse) => {
      response.setHeader('Connection', 'close');
    });
    await new Promise<void>((resolve) => void systemClock.after(this.drainMs, resolve));
    closeSoon(server);
  }
}

function closeSoon(server: Server): void {
  const deadline = systemClock.now() + GRACE_MS;
  const sweep = (): void => {
    // After `close()` Node still keeps a connection that has answered its last request for seconds.
    if (systemClock.now() < deadline) server.closeIdleConnections();
    else server.closeAllConnections();
    timer = systemClock.after(SWEEP_MS, sweep);
  };
  let timer = systemClock.after(SWEEP_MS, sweep);
  server.once('close', () => timer.cancel());
}
