/** The configuration of the playground: the only file that looks at `process.env`. */
import { resolve } from 'node:path';
import type { App, Environment } from './fleet/replica-plan.js';

export interface PlaygroundConfig {
  /** Where the page is served, on 127.0.0.1. */
  readonly port: number;
  /** The port that the first replica of each application would like; the others count up from there. 0: any. */
  readonly firstPort: Readonly<Record<App, number>>;
  /** Where the flags, the logs of the replicas, and the note of who runs are kept. */
  readonly dataFolder: string;
  /** Whether it runs as a script of npm, which does not hand every signal on. */
  readonly isUnderNpm: boolean;
  /** What the replicas inherit: everything but what would tell them to be another replica than they shall be. */
  readonly inherited: Environment;
}

/** Thrown at start; `problems` names every variable that is wrong, one sentence each. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('; '));
    this.name = 'ConfigError';
  }
}

/** The variable that names the page's port, for messages. */
export const PORT_VARIABLE = 'PLAYGROUND_PORT';

/** Variables that a replica reads (see `replica-config.ts` of the sample applications). */
const OF_REPLICAS = /^(HTTP_(HOST|PORT|DRAIN_MS)|CLUSTER_\w+|NODE_NAME|DATABASE_URL|FLAGS_FILE|PLAYGROUND_\w+)$/;

/** Throws one {@link ConfigError} about all variables that are wrong. An empty one counts as not set. */
export function readConfig(environment: Environment = process.env): PlaygroundConfig {
  const problems: string[] = [];
  const port = (name: string, fallback: number): number => {
    const value = environment[name]?.trim() || String(fallback);
    if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value);
    problems.push(`${name} must be a port between 0 and 65535, not "${value}"`);
    return fallback;
  };
  const config: PlaygroundConfig = {
    port: port(PORT_VARIABLE, 3000),
    firstPort: { api: port('PLAYGROUND_API_PORT', 3001), landing: port('PLAYGROUND_LANDING_PORT', 3011) },
    dataFolder: resolve(environment['PLAYGROUND_DATA']?.trim() || 'data/playground'),
    isUnderNpm: Boolean(environment['npm_lifecycle_event']),
    inherited: Object.fromEntries(Object.entries(environment).filter(([name]) => !OF_REPLICAS.test(name))),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
