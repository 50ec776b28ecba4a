/** Every error of the mesh and its code, on one page. */

/** Stable codes: match on these, never on messages. */
export type ClusterErrorCode =
  | 'CLUSTER_INVALID_OPTIONS'
  | 'CLUSTER_COOKIE_UNAVAILABLE'
  | 'CLUSTER_LISTEN_FAILED'
  | 'CLUSTER_INVALID_TOPIC'
  | 'CLUSTER_INVALID_PATTERN'
  | 'CLUSTER_INVALID_PAYLOAD'
  | 'CLUSTER_PAYLOAD_TOO_LARGE'
  | 'CLUSTER_UNDECODABLE'
  | 'CLUSTER_UNKNOWN_MEMBER'
  | 'CLUSTER_TOO_MANY_PATTERNS'
  | 'CLUSTER_TOO_MANY_PENDING'
  | 'CLUSTER_LEFT'
  | 'CLUSTER_PROTOCOL';

/** An error of the cluster: a stable `code`, and a message that says what happened, with whom, and how to mend it. */
export class ClusterError extends Error {
  constructor(
    readonly code: ClusterErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ClusterError';
  }
}

/**
 * Thrown at start when the configuration cannot work, and by what takes options of its own; `problems` holds every one
 * of them, one sentence each.
 */
export class ClusterOptionsError extends ClusterError {
  /** @param subject whose options they are */
  constructor(
    readonly problems: readonly string[],
    subject = "The cluster's configuration",
  ) {
    super(
      'CLUSTER_INVALID_OPTIONS',
      `${subject} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n` +
        problems.map((problem) => `  - ${problem}`).join('\n'),
    );
    this.name = 'ClusterOptionsError';
  }
}

/** A peer broke the protocol. Closes its link, never the process. */
export class ProtocolError extends ClusterError {
  constructor(message: string) {
    super('CLUSTER_PROTOCOL', message);
    this.name = 'ProtocolError';
  }
}

/** Thrown by what publishes once this node is gone. */
export function publishedAfterLeaving(): ClusterError {
  return new ClusterError(
    'CLUSTER_LEFT',
    'This node has left the cluster: nothing can be published any more. Publish before leave(); with Nest, in a shutdown ' +
      'hook of your own at the latest: the node leaves after those.',
  );
}

/** Thrown where a node is to start that has left. */
export function startedAfterLeaving(): ClusterError {
  return new ClusterError(
    'CLUSTER_LEFT',
    'This node has left the cluster, or is about to, and cannot start any more. Make a new node.',
  );
}
