/** Calls with the same choices each time, typed by a map of patterns. */
import type { CallOptions, CallOutcome, Rpc } from '@rookery/rpc';
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
    return this.rpc.request(pattern, data, this.merged(options)) as Promise<ResponseOf<Calls, P>>;
  }

  /** Asks every member that serves the pattern and that the options allow; one outcome for each, failures included. */
  requestAll<P extends PatternOf<Calls>>(
    pattern: P,
    data: RequestOf<Calls, P>,
    options?: CallOptions,
  ): Promise<readonly CallOutcome<ResponseOf<Calls, P>>[]> {
    const outcomes = this.rpc.requestAll(pattern, data, this.merged(options));
    return outcomes as Promise<readonly CallOutcome<ResponseOf<Calls, P>>[]>;
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
    return options === undefined ? this.defaults : { ...this.defaults, ...options };
  }
}
