/** Speaking to every member that serves a pattern, each on its own. */
import type { CallOptions, CallOutcome, ClusterCallError, OpenCall, Rpc } from '@rookery/rpc';
import type { Member } from 'rookery/mesh';
import type { Subscriber } from 'rxjs';
import type { Cluster } from '../cluster.js';

/**
 * Asks every member that serves the pattern, and emits an outcome for each value and each failure as it comes. Completes when
 * all have ended; fails when there is none.
 *
 * @returns what ends it
 */
export function askEach(
  rpc: Rpc,
  pattern: string,
  data: unknown,
  options: CallOptions,
  subscriber: Subscriber<CallOutcome>,
): () => void {
  const members = rpc.serving('call', pattern, options);
  if (members.length === 0) {
    // Nobody to ask: that very failure, in the words of the mesh.
    const call = rpc.open('call', pattern, data, options, {
      next: (value, member) => subscriber.next({ member, value }),
      complete: () => subscriber.complete(),
      error: (error) => subscriber.error(error),
    });
    return () => call.cancel();
  }
  let left = members.length;
  const end = (): void => {
    if (--left === 0) subscriber.complete();
  };
  const calls: OpenCall[] = [];
  const cancel = (): void => {
    for (const call of calls) call.cancel();
  };
  try {
    for (const member of members) {
      const observer = {
        next: (value: unknown) => subscriber.next({ member, value }),
        complete: end,
        error: (error: ClusterCallError) => {
          subscriber.next({ member, error });
          end();
        },
      };
      calls.push(rpc.open('call', pattern, data, { ...options, to: member }, observer));
    }
  } catch (error) {
    // It fails as a whole, so nobody waits for those that were asked already.
    cancel();
    throw error;
  }
  return cancel;
}

/** Publishes to those members only that the route means, this node included. */
export function publishToEach(cluster: Cluster, route: CallOptions, topic: string, data: unknown): void {
  for (const member of [cluster.self, ...cluster.members()]) {
    if (isMeant(member, route)) cluster.publishTo(member, topic, data);
  }
}

function isMeant(member: Member, { to, where = {} }: CallOptions): boolean {
  const incarnation = typeof to === 'object' ? to.incarnation : to;
  if (to !== undefined && member.incarnation !== incarnation && member.name !== to) return false;
  return Object.entries(where).every(([key, value]) => member.metadata[key] === value);
}
