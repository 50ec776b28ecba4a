/** A cluster of one that a test can make stale, whose announcements it can read, and whose calls it can answer. */
import {
  type CallOptions,
  type Cluster,
  ClusterCallError,
  type ClusterClient,
  type ConfirmedPublication,
  type Freshness,
  type Member,
} from 'rookery';
import { defer, type Observable } from 'rxjs';

export function member(name: string): Member {
  return {
    name,
    incarnation: name.padEnd(16, '0').slice(0, 16),
    status: 'up',
    address: { host: '127.0.0.1', port: 1 },
    metadata: {},
  };
}

export class FakeCluster {
  readonly self = member('self');
  readonly published: { topic: string; payload: unknown }[] = [];
  peers: readonly Member[] = [];
  state: Freshness = { fresh: true, reasons: [] };
  /** What the next announcements report; an error is thrown instead. */
  outcome: ConfirmedPublication | Error = { confirmed: [], failed: [], pending: [] };

  /** What calls are answered with, by pattern; an async iterable is a stream. Nobody serves the others. */
  readonly answers = new Map<string, (data: unknown, options?: CallOptions) => unknown>();

  members(): readonly Member[] {
    return this.peers;
  }

  freshness(): Freshness {
    return this.state;
  }

  publish(topic: string, payload: unknown): number {
    return this.published.push({ topic, payload });
  }

  publishConfirmed(topic: string, payload: unknown): Promise<ConfirmedPublication> {
    if (this.outcome instanceof Error) return Promise.reject(this.outcome);
    this.publish(topic, payload);
    return Promise.resolve(this.outcome);
  }

  async *requestStream(pattern: string, data: unknown, options?: CallOptions): AsyncGenerator<unknown> {
    yield* this.#answer(pattern, data, options) as AsyncIterable<unknown>;
  }

  /** A client of it, all of whose views are the same. */
  get client(): ClusterClient {
    const client = {
      idempotent: () => client,
      withDeadline: () => client,
      send: (pattern: string, data: unknown): Observable<unknown> => defer(async () => this.#answer(pattern, data)),
    };
    return client as unknown as ClusterClient;
  }

  #answer(pattern: string, data: unknown, options?: CallOptions): unknown {
    const answer = this.answers.get(pattern);
    if (answer === undefined) throw new ClusterCallError('NO_PEER', `Nobody serves ${pattern}.`, pattern);
    return answer(data, options);
  }

  /** The fake where the real one is asked for. */
  get asCluster(): Cluster {
    return this as unknown as Cluster;
  }
}
