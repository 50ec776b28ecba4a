/** How a client knows its cluster, which may come to be known only after the client was made. */
import { type Observable, ReplaySubject, type Subscription } from 'rxjs';
import type { Cluster } from '../cluster.js';
import { ClusterUsageError } from '../errors.js';
import { type ClusterStatus, type ClusterTransportEvents, presenceOf } from './cluster-transport.js';

/** Shared by a client and its views. */
export class ClientBinding {
  private bound: Cluster | undefined;
  private presence: Subscription | undefined;
  private readonly told = new ReplaySubject<ClusterStatus>(1);
  /** Listeners that wait for a cluster. */
  private readonly pending: (() => void)[] = [];
  private readonly listeners: (() => void)[] = [];
  private readonly isGiven: boolean;

  /** @param cluster given by who made the client, and so not to be changed by anybody */
  constructor(cluster?: Cluster) {
    this.isGiven = cluster !== undefined;
    if (cluster !== undefined) this.attach(cluster);
  }

  /** What the node of the cluster tells, once there is one. */
  get status(): Observable<ClusterStatus> {
    return this.told;
  }

  /** @throws ClusterUsageError `CLUSTER_NOT_BOUND` */
  get cluster(): Cluster {
    if (this.bound !== undefined) return this.bound;
    throw new ClusterUsageError(
      'CLUSTER_NOT_BOUND',
      'This ClusterClient knows no cluster, so nothing was sent. Nest binds the clients of ClientsModule while the application ' +
        'initialises, and lets go of them when it has ended; one made with new needs { cluster }.',
    );
  }

  /**
   * Makes a client that was given no cluster speak for this one.
   * @returns whether it knew none before
   * @throws ClusterUsageError `CLUSTER_SHARED_INSTANCE`
   */
  bind(cluster: Cluster): boolean {
    if (this.bound === cluster || this.isGiven) return false;
    if (this.bound !== undefined) {
      throw new ClusterUsageError(
        'CLUSTER_SHARED_INSTANCE',
        'A ClusterClient already speaks for another application: two applications share it. Make one for each, with ' +
          'ClientsModule.registerAsync(...) instead of register(...), or inject ClusterClient itself.',
      );
    }
    this.attach(cluster);
    return true;
  }

  /** Undoes {@link bind}, so that the client may serve another application. */
  release(): void {
    this.endListening();
    this.presence?.unsubscribe();
    this.bound = undefined;
  }

  on<Name extends keyof ClusterTransportEvents>(event: Name, callback: ClusterTransportEvents[Name]): void {
    const listen = (): void => void this.listeners.push(this.cluster.on(event, callback));
    if (this.bound === undefined) this.pending.push(listen);
    else listen();
  }

  endListening(): void {
    for (const end of this.listeners.splice(0)) end();
    this.pending.length = 0;
  }

  private attach(cluster: Cluster): void {
    this.bound = cluster;
    this.presence = presenceOf(cluster).subscribe((status) => this.told.next(status));
    for (const listen of this.pending.splice(0)) listen();
  }
}
