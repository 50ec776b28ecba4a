/** What every replica of the sample applications has, whatever it serves: its configuration and its readiness. */
export { clusterOptions } from './cluster-options.js';
export { type Health, HealthController } from './health.controller.js';
export { ConfigError, type Environment, readReplicaConfig, type ReplicaConfig } from './replica-config.js';
