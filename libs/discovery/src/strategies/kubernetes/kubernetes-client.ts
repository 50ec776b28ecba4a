/** Asks the Kubernetes API over HTTPS: one list, or a stream of events. Every answer has a limit of time and of bytes. */
import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { urlToHttpOptions } from 'node:url';
import type { Clock } from '@rookery/runtime';
import { ByteCollector } from './byte-collector.js';
import { JsonLines, JsonLinesError } from './json-lines.js';
import type { Credentials, KubernetesCredentials } from './kubernetes-credentials.js';
import { KubernetesFailure } from './kubernetes-failure.js';

/** A page of 500 pods that say much about themselves, or of 75 slices as large as slices can be. */
export const MAX_PAGE_BYTES = 33_554_432;
/** etcd takes 1.5 MiB of an object, in a form that is shorter than JSON; a slice of 1000 endpoints has half a megabyte. */
export const MAX_EVENT_BYTES = 4_194_304;
const MAX_STATUS_BYTES = 65_536;
/** For a whole page, once it has begun. */
const BODY_TIMEOUT_MS = 30_000;
/** After so much silence the kernel asks whether the server is still there, ten times at intervals of a second. */
const PROBE_AFTER_MS = 10_000;

export class KubernetesClient {
  /** One of its own, so that leaving closes its connections and nobody else's. */
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 4, maxFreeSockets: 1 });

  /**
   * @param server - `https:`; a path in it is put before all others.
   * @param timeoutMs - until the head of an answer is there, connecting included.
   */
  constructor(
    private readonly server: URL,
    private readonly credentials: KubernetesCredentials,
    private readonly timeoutMs: number,
    private readonly clock: Clock,
  ) {}

  /**
   * The whole answer.
   *
   * @throws {@link KubernetesFailure}, or what the socket threw.
   */
  async getJson(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.get(path, signal);
    const body = await this.readBody(response, MAX_PAGE_BYTES, BODY_TIMEOUT_MS);
    try {
      return JSON.parse(body) as unknown;
    } catch {
      // The error of the parser quotes what it could not read.
      throw new KubernetesFailure('malformed', 'its answer cannot be read: it is no JSON');
    }
  }

  /**
   * Every value of an answer that is one value a line, as it comes. Resolves when the server ends the answer.
   *
   * @param longestMs - a server that has not ended it by then is taken for one that is gone.
   * @param onOpen - called once the server has begun to answer.
   * @param onValues - called with what one chunk has completed; what it throws ends the stream and is thrown on.
   * @throws as {@link KubernetesClient.getJson}.
   */
  async stream(
    path: string,
    longestMs: number,
    signal: AbortSignal,
    onOpen: () => void,
    onValues: (values: readonly unknown[]) => void,
  ): Promise<void> {
    const response = await this.get(path, signal);
    const lines = new JsonLines(MAX_EVENT_BYTES);
    const timer = this.endAfter(response, longestMs);
    try {
      onOpen();
      for await (const chunk of response as AsyncIterable<Buffer>) onValues(lines.push(chunk));
    } catch (error) {
      if (!(error instanceof JsonLinesError)) throw error;
      throw new KubernetesFailure('malformed', `its answer cannot be read: ${error.message}`);
    } finally {
      timer.cancel();
      response.destroy();
    }
  }

  /** A failure without the token, should the server or one before it have repeated that. */
  redact(failure: KubernetesFailure): KubernetesFailure {
    const message = this.credentials.redact(failure.message);
    return message === failure.message ? failure : new KubernetesFailure(failure.kind, message, failure.details);
  }

  /** Closes every connection. */
  destroy(): void {
    this.agent.destroy();
  }

  /** An answer of status 200. A token that is refused may have been renewed in its file a moment ago. */
  private async get(path: string, signal: AbortSignal): Promise<IncomingMessage> {
    const credentials = await this.credentials.read();
    signal.throwIfAborted();
    const response = await this.request(path, credentials, signal);
    if (response.statusCode === 200) return response;
    const refusal = await this.refusalIn(response);
    if (refusal.status !== 401 || !(await this.credentials.isRenewed(credentials.token))) throw refusal;
    const second = await this.request(path, await this.credentials.read(), signal);
    if (second.statusCode === 200) return second;
    throw await this.refusalIn(second);
  }

  private request(path: string, { token, authority }: Credentials, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        ...urlToHttpOptions(this.server),
        path: this.server.pathname.replace(/\/$/, '') + path,
        agent: this.agent,
        ca: authority,
        // Said aloud, or the environment could switch it off.
        rejectUnauthorized: true,
        headers: { accept: 'application/json', authorization: `Bearer ${token}`, 'user-agent': 'rookery' },
        signal,
      });
      const timer = this.clock.after(this.timeoutMs, () =>
        request.destroy(new KubernetesFailure('unreachable', `it did not answer within ${this.timeoutMs} ms`)),
      );
      request.on('socket', (socket) => {
        socket.setKeepAlive(true, PROBE_AFTER_MS);
        socket.unref(); // Watching is no reason to keep a process alive.
      });
      request.on('response', (response) => {
        timer.cancel();
        resolve(response);
      });
      // Of no effect once there is an answer, which then ends with an error of its own.
      const fail = (error: Error): void => {
        timer.cancel();
        reject(error);
      };
      request.on('error', fail);
      request.on('close', () =>
        fail(new KubernetesFailure('unreachable', 'it closed the connection without an answer')),
      );
      request.end();
    });
  }

  private async refusalIn(response: IncomingMessage): Promise<KubernetesFailure> {
    const { statusCode = 0, headers } = response;
    const seconds = Number(headers['retry-after']);
    const retryAfterMs = Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : undefined;
    let status: unknown;
    try {
      status = JSON.parse(await this.readBody(response, MAX_STATUS_BYTES, this.timeoutMs));
    } catch {
      // Something before the API may answer in its own words, or not to the end: the code says enough.
    }
    return KubernetesFailure.ofStatus(status, statusCode, retryAfterMs);
  }

  private async readBody(response: IncomingMessage, maxBytes: number, timeoutMs: number): Promise<string> {
    const timer = this.endAfter(response, timeoutMs);
    try {
      const body = new ByteCollector(maxBytes);
      for await (const chunk of response as AsyncIterable<Buffer>) {
        if (!body.add(chunk)) throw new KubernetesFailure('too-many', `its answer is longer than ${maxBytes} bytes`);
      }
      return body.take();
    } finally {
      timer.cancel();
      if (!response.complete) response.destroy();
    }
  }

  private endAfter(response: IncomingMessage, delayMs: number): { cancel(): void } {
    return this.clock.after(delayMs, () =>
      response.destroy(new KubernetesFailure('unreachable', `its answer has not ended within ${delayMs} ms`)),
    );
  }
}
