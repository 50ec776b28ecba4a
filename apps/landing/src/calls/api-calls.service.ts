/** What this replica asks of the api, whichever replica of it answers. Never rejects, and remembers what became of each call. */
import { Inject, Injectable } from '@nestjs/common';
import type { FlagHistoryEntry, FlagHistoryRequest } from '@rookery/feature-flags';
import type { Quote, QuoteRequest } from '@rookery/pricing';
import type { Clock } from '@rookery/runtime';
import { Cluster, ClusterClient } from 'rookery';
import { firstValueFrom } from 'rxjs';
import { CLOCK } from '../clock.token.js';
import { type CallFailure, failureOf } from './call-failure.js';
import { type RecentCall, RecentCalls } from './recent-calls.js';

/** A visitor waits for the page no longer than this, whatever became of the api. */
const QUOTE_TIMEOUT_MS = 300;

/** An answer and how long it took, or why there is none. */
export type Asked<T> =
  | { readonly value: T; readonly tookMs: number; readonly failure?: undefined }
  | { readonly failure: CallFailure; readonly tookMs: number; readonly value?: undefined };

@Injectable()
export class ApiCalls {
  readonly #recent = new RecentCalls();
  readonly #quotes: ClusterClient;

  constructor(
    client: ClusterClient,
    private readonly cluster: Cluster,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    // To calculate twice does no harm: should the one that was asked die, another one is asked within the same time.
    this.#quotes = client.idempotent().withDeadline(QUOTE_TIMEOUT_MS);
  }

  /** Those that ended last, newest first. */
  recent(): readonly RecentCall[] {
    return this.#recent.list();
  }

  async quote(request: QuoteRequest): Promise<Asked<Quote>> {
    const tookMs = this.#stopwatch();
    try {
      const value = await firstValueFrom(this.#quotes.send<Quote, QuoteRequest>('pricing.quote', request));
      this.#note('pricing.quote', value.answeredBy, tookMs());
      return { value, tookMs: tookMs() };
    } catch (error) {
      return { failure: this.#noteFailure('pricing.quote', error, tookMs()), tookMs: tookMs() };
    }
  }

  /**
   * The changes of a flag as they come, the newest first, and last of all a failure if there was one. The api reads on only as
   * fast as they are taken, and stops when the loop is left, or when the signal says that nobody waits for them, also between two rows.
   */
  async *history(
    request: FlagHistoryRequest,
    signal: AbortSignal,
  ): AsyncGenerator<FlagHistoryEntry | CallFailure, void, undefined> {
    const tookMs = this.#stopwatch();
    let member: string | null = null;
    let failure: CallFailure | undefined;
    try {
      for await (const entry of this.cluster.requestStream('flags.history', request, { signal })) {
        member = entry.answeredBy;
        yield entry;
      }
    } catch (error) {
      if (signal.aborted) return;
      failure = this.#noteFailure('flags.history', error, tookMs());
      yield failure;
    } finally {
      if (failure === undefined) this.#note('flags.history', member, tookMs());
    }
  }

  #note(pattern: string, member: string | null, tookMs: number): void {
    this.#recent.add({ pattern, member, tookMs, error: null }, this.clock.wallNow());
  }

  #noteFailure(pattern: string, error: unknown, tookMs: number): CallFailure {
    const failure = failureOf(error);
    const { code, member } = failure;
    this.#recent.add({ pattern, member, tookMs, error: code }, this.clock.wallNow());
    return failure;
  }

  #stopwatch(): () => number {
    const beganAt = this.clock.now();
    return () => this.clock.now() - beganAt;
  }
}
