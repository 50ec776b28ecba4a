/** Which replicas there are, what they are called, and what each is told. Pure. */

/** Environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type App = 'api' | 'landing';

/** What runs after the start. */
export const FIRST_REPLICAS = ['api-1', 'api-2', 'landing-1', 'landing-2', 'landing-3'] as const;

/** All that may ever be known at once, dead ones included: each costs a process. */
export const MAX_REPLICAS = 12;

export function isApp(value: unknown): value is App {
  return value === 'api' || value === 'landing';
}

export function appOf(name: string): App {
  return name.startsWith('api-') ? 'api' : 'landing';
}

/** The first free name: `landing-4` after `landing-1` to `landing-3`. */
export function nextName(app: App, taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(`${app}-${number}`)) number++;
  return `${app}-${number}`;
}

/** The documented port of a replica, such as 3012 for `landing-2`; 0 leaves it to the system. */
export function wantedPort(name: string, firstPort: Readonly<Record<App, number>>): number {
  const first = firstPort[appOf(name)];
  const port = first + Number(name.slice(name.lastIndexOf('-') + 1)) - 1;
  return first === 0 || port > 65_535 ? 0 : port;
}

/** By application, then by number. */
export function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** What all replicas of one playground have in common. */
export interface Common {
  readonly inherited: Environment;
  /** Of this start alone, so that nobody else on this machine is taken for one of them. */
  readonly cluster: string;
  readonly cookie: string;
  readonly flagsFile: string;
}

/** The environment of a replica. Told nothing about others, it finds those of its cluster on this machine. */
export function replicaEnvironment(name: string, port: number, common: Common): Environment {
  return {
    ...common.inherited,
    NO_COLOR: '1', // what it prints goes to a file
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: String(port),
    NODE_NAME: name,
    CLUSTER_NAME: common.cluster,
    CLUSTER_COOKIE: common.cookie,
    FLAGS_FILE: common.flagsFile,
  };
}
