/** Injection tokens beside the classes themselves. */

/**
 * What the node stands on: clock, chance and wires. Absent in an application; provided by tests that run whole
 * clusters in virtual time.
 */
export const CLUSTER_ENVIRONMENT = Symbol('rookery.cluster.environment');
