/**
 * Lets an HTTP server come to its end without a request that goes unanswered.
 *
 * While it still serves, every answer asks its client to close the connection. Were the server closed at once, a kept
 * connection would be cut just when the client sends its next request on it. Then Nest closes the server, which by itself
 * waits for seconds for connections that merely idle; those are closed here. Closing all by force would cut requests that are
 * being answered: `HttpDeadline` does so, late.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { systemClock, type Timer } from '@rookery/runtime';
import { isClosableServer } from './http-deadline.js';

const SWEEP_MS = 50;

export class HttpDrain {
  private sweeping: Timer | undefined;

  private constructor(private readonly server: Server) {
    server.prependListener('request', askToClose);
    server.once('close', () => this.end());
  }

  /**
   * Asks the clients of `server` to go, from the next answer on.
   *
   * @param server whatever the HTTP adapter has
   * @returns undefined where there is nothing to drain
   */
  static begin(server: unknown): HttpDrain | undefined {
    return isClosableServer(server) && server.listening ? new HttpDrain(server) : undefined;
  }

  /** From now on closes connections that idle, once the server takes no new ones. */
  sweep(): void {
    // While it listens, the hooks of others are still at work.
    if (!this.server.listening) this.server.closeIdleConnections();
    this.sweeping = systemClock.after(SWEEP_MS, () => this.sweep());
  }

  /** The server has closed, or nobody waits for it any more. */
  end(): void {
    this.sweeping?.cancel();
    this.server.off('request', askToClose);
  }
}

function askToClose(_request: IncomingMessage, response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}
