/** Every error that the Nest face adds to those of the mesh, and its code, on one page. */

/**
 * Stable codes: match on these, never on messages.
 *
 * `CLUSTER_INVALID_HANDLER`: a decorator where it cannot work. `CLUSTER_INVALID_STATUS`: no such member status.
 * `CLUSTER_UNGUARDED_OVERRIDE`: an overriding handler lost the guards of the method it overrides.
 * `CLUSTER_ENHANCER_MISSING`: Nest never made a guard, pipe, interceptor or filter that a handler names.
 * `CLUSTER_IMPORTED_TWICE`: more than one cluster in one application. `CLUSTER_NOT_BOUND`: a `@ClusterBroadcast` method
 * of an instance that knows no cluster, or a `ClusterClient` that knows none. `CLUSTER_SHARED_INSTANCE`: one instance in two
 * applications.
 * `CLUSTER_INVALID_RESULT`: what a `@ClusterBroadcast` method returned cannot be
 * announced that way. `CLUSTER_DATA_SOURCE_NOT_READY`: not initialized yet.
 * `CLUSTER_AFTER_COMMIT`: the transaction is committed, but not everything held for it could be
 * published.
 */
export type ClusterUsageErrorCode =
  | 'CLUSTER_INVALID_HANDLER'
  | 'CLUSTER_INVALID_STATUS'
  | 'CLUSTER_UNGUARDED_OVERRIDE'
  | 'CLUSTER_ENHANCER_MISSING'
  | 'CLUSTER_IMPORTED_TWICE'
  | 'CLUSTER_NOT_BOUND'
  | 'CLUSTER_SHARED_INSTANCE'
  | 'CLUSTER_INVALID_RESULT'
  | 'CLUSTER_DATA_SOURCE_NOT_READY'
  | 'CLUSTER_AFTER_COMMIT';

/** The library is used in a way that cannot work. The message says where, why, and what to write instead. */
export class ClusterUsageError extends Error {
  constructor(
    readonly code: ClusterUsageErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ClusterUsageError';
  }
}
