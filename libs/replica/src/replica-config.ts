/** What every replica, of whatever application, is told by its environment: where to serve, whom to meet, where the flags are. */
import { WHEN_STALE, type WhenStale } from '@rookery/feature-flags';
import { type Discovery, readDiscovery } from './discovery-config.js';
import { readSecretFile } from './secret-file.js';

/** Environment variables. An empty one counts as not set, as Compose files leave them. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ReplicaConfig {
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** How long a replica that was told to end serves on, so that load balancers and clients can turn away from it. */
    readonly drainMs: number;
  };
  readonly cluster: {
    /** Undefined values are left to the library's defaults. */
    readonly cluster: string | undefined;
    readonly name: string | undefined;
    readonly cookie: string | undefined;
    readonly listen: { readonly host: string | undefined; readonly port: number | undefined };
    readonly discovery: Discovery;
  };
  readonly flags: {
    readonly databaseUrl: string | undefined;
    readonly file: string | undefined;
    readonly whenStale: WhenStale | undefined;
  };
}

/** Thrown at start; `problems` names every variable that is missing or wrong, one sentence each. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';

  constructor(readonly problems: readonly string[]) {
    super(`The environment cannot work:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigError';
  }
}

/** Enough for clients that are busy; load balancers want a little more than the interval of their probes. */
const DEFAULT_DRAIN_MS = 500;
/** Beyond a minute whoever runs this would have killed it. */
const MAX_DRAIN_MS = 60_000;

/** Where nodes listen for each other, unless told otherwise. */
const DEFAULT_CLUSTER_PORT = 4370;

/** Reads the variables, and throws one {@link ConfigError} about all of them that are missing or wrong. */
export function readReplicaConfig(environment: Environment, defaults: { httpPort: number }): ReplicaConfig {
  const problems: string[] = [];
  const text = (name: string): string | undefined => environment[name]?.trim() || undefined;
  const integer = (name: string, what: string, max: number): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,5}$/.test(value) && Number(value) <= max) return Number(value);
    problems.push(`${name} must be ${what} between 0 and ${max}, not "${value}"`);
    return undefined;
  };
  const port = (name: string): number | undefined => integer(name, 'a port', 65_535);

  const choice = <T extends string>(name: string, choices: readonly T[]): T | undefined => {
    const value = text(name);
    const found = choices.find((each) => each === value);
    if (value !== undefined && found === undefined) {
      problems.push(`${name} must be one of ${choices.join(', ')}, not "${value}"`);
    }
    return found;
  };

  const listen = { host: text('CLUSTER_HOST'), port: port('CLUSTER_PORT') };
  const discovery = readDiscovery(text, listen.port ?? DEFAULT_CLUSTER_PORT, problems);
  const cookie = readCookie(text('CLUSTER_COOKIE'), text('CLUSTER_COOKIE_FILE'), problems);
  const config: ReplicaConfig = {
    http: {
      host: text('HTTP_HOST') ?? '127.0.0.1',
      port: port('HTTP_PORT') ?? defaults.httpPort,
      drainMs: integer('HTTP_DRAIN_MS', 'a number of milliseconds', MAX_DRAIN_MS) ?? DEFAULT_DRAIN_MS,
    },
    cluster: {
      cluster: text('CLUSTER_NAME'),
      name: text('NODE_NAME'),
      cookie,
      // Beyond one machine others must be able to dial this node: at a known port, on every interface.
      listen:
        discovery.kind === 'local'
          ? listen
          : { host: listen.host ?? '0.0.0.0', port: listen.port ?? DEFAULT_CLUSTER_PORT },
      discovery,
    },
    flags: {
      databaseUrl: text('DATABASE_URL'),
      file: text('FLAGS_FILE'),
      whenStale: choice('FLAGS_WHEN_STALE', WHEN_STALE),
    },
  };

  if (discovery.kind !== 'local' && cookie === undefined && text('CLUSTER_COOKIE_FILE') === undefined) {
    problems.push(
      'CLUSTER_COOKIE, or CLUSTER_COOKIE_FILE, is missing: nodes on several machines need a secret in common',
    );
  }
  if (config.flags.databaseUrl !== undefined && config.flags.file !== undefined) {
    problems.push('DATABASE_URL and FLAGS_FILE exclude each other: set one of them');
  }
  if (config.flags.databaseUrl !== undefined && !/^postgres(ql)?:\/\//.test(config.flags.databaseUrl)) {
    problems.push('DATABASE_URL must begin with postgres:// or postgresql://'); // not repeated: it holds a password
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}

/** The secret of all nodes: in the variable itself, or in a file that an orchestrator keeps out of the environment. */
function readCookie(cookie: string | undefined, file: string | undefined, problems: string[]): string | undefined {
  if (file === undefined) return cookie;
  if (cookie !== undefined) problems.push('CLUSTER_COOKIE and CLUSTER_COOKIE_FILE exclude each other: set one of them');
  const answer = readSecretFile(file);
  if ('secret' in answer) return cookie ?? answer.secret;
  problems.push(`CLUSTER_COOKIE_FILE ${answer.problem}`);
  return cookie;
}
