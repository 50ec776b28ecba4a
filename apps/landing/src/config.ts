/** The configuration of the landing pages: the only file that looks at `process.env`. */
import { type Environment, readReplicaConfig, type ReplicaConfig } from '@rookery/replica';

/** Throws one error that names every variable that is missing or wrong. */
export function readConfig(environment: Environment = process.env): ReplicaConfig {
  return readReplicaConfig(environment, { httpPort: 3000 });
}
