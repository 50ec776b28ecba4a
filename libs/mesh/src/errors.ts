/** Every error of the mesh and its code, on one page. */

/** Stable codes: match on these, never on messages. */
export type ClusterErrorCode =
  | 'CLUSTER_INVALID_OPTIONS'
  | 'CLUSTER_COOKIE_UNAVAILABLE'
  | 'CLUSTER_LISTEN_FAILED'
  | 'CLUSTER_INVALID_TOPIC'
  | 'CLUSTER_INVALID_PAYLOAD'
  | 'CLUSTER_PAYLOAD_TOO_LARGE'
  | 'CLUSTER_UNDECODABLE'
  | 'CLUSTER_UNKNOWN_MEMBER'
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
