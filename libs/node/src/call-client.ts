/** Calls with the same choices each time, typed by a map of patterns. */
import { type CallOptions, type CallOutcome, checkCallOptions, type Rpc } from '@rookery/rpc';
import type { PatternOf, RequestOf, ResponseOf } from './node-calls.js';

/**
 * Asks other members, and this one. `Calls` maps patterns to what is asked and answered; patterns that it does not name
 * take and give anything.
 *
 * Errors: `ClusterCallError` with a stable `code` (see `CallErrorCode`). Before anything is sent: ClusterError
 * `CLUSTER_INVALID_PATTERN`, `CLUSTER_INVALID_PAYLOAD`, `CLUSTER_PAYLOAD_TOO_LARGE`, `CLUSTER_TOO_MANY_PENDING`,
 * `CLUSTER_LEFT`, and ClusterOptionsError for options that cannot be.
 */
export class CallClient<Calls extends object = Record<never, never>> {
  /** @internal Made by `client(...)`, which has checked `defaults`. */
  constructor(
    private readonly rpc: Rpc,
    private readonly defaults: CallOptions,
  ) {}

  /** Asks one member, see {@link CallOptions} for which. Runs at most once, unless marked `idempotent`. */
  request<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): Promise<ResponseOf<Calls, P>> {
    let merged: CallOptions;
    try {
      merged = this.merged(options);
    } catch (error: unknown) {
      // Not an async function: that would cost every call a few turns.
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a ClusterOptionsError
      return Promise.reject(error);
    }
    return this.rpc.request(pattern, data, merged) as Promise<ResponseOf<Calls, P>>;
  }

  /** Asks every member that serves the pattern and that the options allow; one outcome for each, failures included. */
  async requestAll<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): Promise<readonly CallOutcome<ResponseOf<Calls, P>>[]> {
    const outcomes = await this.rpc.requestAll(pattern, data, this.merged(options));
    return outcomes as readonly CallOutcome<ResponseOf<Calls, P>>[];
  }

  /**
   * Asks one member for a stream. Each iteration is a call of its own; it is asked for more only as values are taken, and
   * told when the loop ends early. Without `timeoutMs`, only the first value has to come within 5 s.
   */
  requestStream<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): AsyncIterable<ResponseOf<Calls, P>> {
    return this.rpc.stream(pattern, data, this.merged(options)) as AsyncIterable<ResponseOf<Calls, P>>;
  }

  private merged(options: CallOptions | undefined): CallOptions {
    if (options === undefined) return this.defaults;
    checkCallOptions(options);
    return { ...this.defaults, ...options };
  }
}
