/** A cluster of one that a test can make stale, and whose announcements it can read. */
import type { Cluster, ConfirmedPublication, Freshness, Member } from 'rookery';

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

  /** The fake where the real one is asked for. */
  get asCluster(): Cluster {
    return this as unknown as Cluster;
  }
}
