/** What a client may be made with, and that nothing else was given. */
import { type CallOptions, checkCallOptions } from '@rookery/rpc';
import type { Cluster } from '../cluster.js';

/**
 * Defaults of a `ClusterClient`, for all that it sends: how to choose a member, and `timeoutMs`, `idempotent`, `metadata`.
 *
 * @example
 * ClientsModule.register([{ name: 'FLAGS', customClass: ClusterClient, options: { where: { zone: 'eu-1' }, timeoutMs: 500 } }])
 */
export interface ClusterClientOptions extends Omit<CallOptions, 'signal'> {
  /** The node to call from. @default that of the application, known once it initialises */
  readonly cluster?: Cluster;
}

/** @throws ClusterOptionsError naming every problem */
export function checkClientOptions(options: CallOptions): void {
  checkCallOptions(options, 'ClusterClient');
}

/**
 * Checks what a view chooses by. Unlike an option, it cannot be left out: of `undefined`, such as `find` returns for a member that
 * is gone, anybody would be asked.
 * @throws ClusterOptionsError
 */
export function checkChoice(name: 'to' | 'key' | 'where', value: unknown): void {
  checkClientOptions({ [name]: value ?? null });
}
