/** What every replica of the sample applications has, whatever it serves: its configuration, readiness, and a gentle end. */
export { clusterOptions } from './cluster-options.js';
export { type Health, HealthController } from './health.controller.js';
export { HttpDrain } from './http-drain.js';
export { ConfigError, type Environment, readReplicaConfig, type ReplicaConfig } from './replica-config.js';
