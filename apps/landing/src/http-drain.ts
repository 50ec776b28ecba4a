/**
 * Lets the HTTP server come to its end. `server.close()` by itself waits for connections that merely idle, and for
 * ever for a client that sent half a request; closing all by force would cut requests that are being answered.
 */
import type { Server } from 'node:http';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { systemClock } from '@rookery/runtime';

/** Requests that are being answered get this long. */
const GRACE_MS = 4_000;
const SWEEP_MS = 50;

@Injectable()
export class HttpDrain implements BeforeApplicationShutdown {
  constructor(private readonly host: HttpAdapterHost) {}

  beforeApplicationShutdown(): void {
    const server = this.host.httpAdapter.getHttpServer() as Server;
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
}
