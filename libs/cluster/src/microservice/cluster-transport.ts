/** What servers and clients on the mesh have in common: the transport's name, its status, its events. */
import type { NodeEvents } from 'rookery/mesh';
import { ReplaySubject } from 'rxjs';
import type { Cluster } from '../cluster.js';

/**
 * The transport's id: a handler that names it is served on the mesh and by no other transport of a hybrid application.
 *
 * @example
 * @MessagePattern('flags.get', CLUSTER_TRANSPORT)
 * get(key: string): Promise<Flag> { ... }
 */
export const CLUSTER_TRANSPORT = Symbol.for('rookery');

/**
 * What `status` tells: whether this application's own node is part of its cluster. Other members come and go without a word
 * of it; hear of them with `on('member.up', ...)`.
 */
export type ClusterStatus = 'connected' | 'disconnected';

/** What `on` of servers and clients can hear: the events of the node. */
export type ClusterTransportEvents = {
  [Name in keyof NodeEvents]: (event: NodeEvents[Name]) => void;
};

const presences = new WeakMap<Cluster, ReplaySubject<ClusterStatus>>();

/** The status of a node, told by the life cycle of its application. Nothing is told before the node has started. */
export function presenceOf(cluster: Cluster): ReplaySubject<ClusterStatus> {
  let presence = presences.get(cluster);
  if (presence === undefined) presences.set(cluster, (presence = new ReplaySubject<ClusterStatus>(1)));
  return presence;
}
