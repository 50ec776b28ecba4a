/** What `rookery doctor` is told on its command line, and every reason to refuse it, all at once. Pure. */
import {
  closest,
  DiscoveryError,
  type DiscoveryStrategy,
  dns,
  type DnsOptions,
  file,
  kubernetesApi,
  kubernetesDns,
  type KubernetesDnsOptions,
  local,
  multicast,
  type PeerAddress,
  staticPeers,
} from 'rookery/discovery';
import { describeError } from '@rookery/runtime';
import { parseArgs, type ParseArgsConfig } from 'node:util';

export const DOCTOR_USAGE = `Usage: npx rookery doctor [options]

Asks every strategy of discovery once, looks who is at every address, and says what to mend. It joins nothing.

What the application is told, by one of:
  --config FILE             a module of yours that exports the options of createMesh or ClusterModule.forRoot,
                            or a function that returns them
  --export NAME             under this name; default: default
or by flags, of which those of discovery may be given several times and together:
  --dns NAME                A and AAAA records of a name (with --port)
  --srv NAME                SRV records of a service
  --kubernetes-dns SERVICE  the pods of a headless service, by DNS (with --port, a number or a name)
  --kubernetes-api SERVICE  the same by the API of Kubernetes
  --peers HOST:PORT,...     a fixed list
  --file PATH               a file that lists them (with --port for entries that name none)
  --multicast               nodes of the local network that run now
  --local                   processes of this user on this machine; the default
  --port PORT               where nodes listen for the mesh; default: 4370
  --namespace NAME          of --kubernetes-dns and --kubernetes-api; default: that of the pod
  --server IP[:PORT]        a name server to ask instead of those of the machine
  --cluster NAME            default: default
  --cookie-env NAME         the environment variable that holds the cookie; default: CLUSTER_COOKIE
  --cookie-file FILE        or a file that holds it
  --listen-port PORT        where the node of this machine listens; default: --port

  --json                    the record as JSON
  --help

Ends with 0 if there is nothing to mend, 1 if there is, 2 if it could not look.
`;

const FLAGS = {
  config: { type: 'string' },
  export: { type: 'string' },
  dns: { type: 'string', multiple: true },
  srv: { type: 'string', multiple: true },
  'kubernetes-dns': { type: 'string', multiple: true },
  'kubernetes-api': { type: 'string', multiple: true },
  peers: { type: 'string', multiple: true },
  file: { type: 'string', multiple: true },
  multicast: { type: 'boolean' },
  local: { type: 'boolean' },
  port: { type: 'string' },
  namespace: { type: 'string' },
  server: { type: 'string', multiple: true },
  cluster: { type: 'string' },
  'cookie-env': { type: 'string' },
  'cookie-file': { type: 'string' },
  'listen-port': { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies ParseArgsConfig['options'];

/** Flags that describe an application, which a module does instead. */
const DESCRIBING = Object.keys(FLAGS).filter((name) => !['config', 'export', 'json', 'help'].includes(name));

const DEFAULT_PORT = 4_370;

/** The command line, understood. */
export interface DoctorArguments {
  readonly isHelp: boolean;
  readonly isJson: boolean;
  /** Where the options are to be had; undefined where the flags say it all. */
  readonly module: { readonly file: string; readonly name: string } | undefined;
  readonly cluster: string | undefined;
  readonly cookieVariable: string | undefined;
  readonly cookieFile: string | undefined;
  readonly listenPort: number | undefined;
  /** None: local() alone. */
  readonly discovery: readonly DiscoveryStrategy[];
}

/** Thrown with all that is wrong with a command line. */
export class UsageError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
    this.name = 'UsageError';
  }
}

/** @throws UsageError */
export function readDoctorArguments(args: readonly string[]): DoctorArguments {
  const problems: string[] = [];
  const { values, tokens } = parseArgs({
    args: [...args],
    options: FLAGS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let isUnknown = false;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      // What follows a flag that is none is its value, and may be a secret that was meant to be one: it is not repeated.
      if (!isUnknown) problems.push(`'${token.value}' is no option`);
    }
    isUnknown = false;
    if (token.kind !== 'option') continue;
    const { name, rawName, value } = token;
    const flag = (FLAGS as Readonly<Record<string, { type: 'string' | 'boolean' }>>)[name];
    if (flag === undefined) {
      isUnknown = true;
      const meant = closest(name, Object.keys(FLAGS));
      problems.push(`${rawName} is no option${meant === undefined ? '' : `, did you mean --${meant}?`}`);
    } else if (flag.type === 'string' && (value === undefined || value === ''))
      problems.push(`${rawName} needs a value`);
    else if (flag.type === 'boolean' && value !== undefined) problems.push(`${rawName} takes no value`);
  }
  const text = (name: keyof typeof FLAGS): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  const texts = (name: keyof typeof FLAGS): string[] => {
    const value: unknown = values[name];
    return Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];
  };
  const number = (name: keyof typeof FLAGS): number | undefined => {
    const value = text(name);
    if (value === undefined) return undefined;
    if (/^\d{1,5}$/u.test(value) && Number(value) >= 1 && Number(value) <= 65_535) return Number(value);
    problems.push(`--${name} must be a port from 1 to 65535, not '${value}'`);
    return undefined;
  };

  const config = text('config');
  if (config !== undefined) {
    for (const name of DESCRIBING) {
      if (values[name] !== undefined) problems.push(`--${name} and --config exclude each other: the module says it`);
    }
  } else if (text('export') !== undefined) problems.push('--export needs --config');
  if (text('cookie-env') !== undefined && text('cookie-file') !== undefined) {
    problems.push('--cookie-env and --cookie-file exclude each other');
  }

  const servers = texts('server');
  const common = servers.length === 0 ? {} : { servers };
  const port = text('port') ?? String(DEFAULT_PORT);
  const strategies: (() => DiscoveryStrategy)[] = [];
  const dnsNames = texts('dns');
  if (dnsNames.length > 0) strategies.push(() => dns({ ...common, hostname: dnsNames, port: Number(port) }));
  const services = texts('srv');
  if (services.length > 0) {
    const options: DnsOptions = { ...common, hostname: services, type: 'SRV' };
    strategies.push(() => dns(options));
  }
  const kubernetes = texts('kubernetes-dns');
  if (kubernetes.length > 0) {
    const options: KubernetesDnsOptions = {
      ...common,
      service: kubernetes,
      port: isNumber(port) ? Number(port) : port,
      namespace: text('namespace'),
    };
    strategies.push(() => kubernetesDns(options));
  }
  const peers = texts('peers').flatMap((list) => list.split(',').map((peer) => readPeer(peer.trim(), problems)));
  if (peers.length > 0) strategies.push(() => staticPeers(peers.flatMap((peer) => peer ?? [])));
  const byApi = texts('kubernetes-api');
  if (byApi.length > 0) {
    const options = { service: byApi, port: isNumber(port) ? Number(port) : port };
    strategies.push(() => kubernetesApi({ ...options, namespace: text('namespace') }));
  }
  for (const path of texts('file')) strategies.push(() => file({ path, port: Number(port) }));
  if (values.multicast === true) strategies.push(() => multicast());
  if (values.local === true) strategies.push(() => local());

  const discovery: DiscoveryStrategy[] = [];
  for (const make of strategies) {
    try {
      discovery.push(make());
    } catch (error) {
      problems.push(error instanceof DiscoveryError ? error.message : describeError(error));
    }
  }
  const isNamedPort = kubernetes.length + byApi.length > 0 && !isNumber(port);
  const portNumber = isNamedPort ? undefined : number('port');
  const listenPort = number('listen-port') ?? portNumber;
  const isHelp = values.help === true;
  if (problems.length > 0 && !isHelp) throw new UsageError(problems);
  return {
    isHelp,
    isJson: values.json === true,
    module: config === undefined ? undefined : { file: config, name: text('export') ?? 'default' },
    cluster: text('cluster'),
    cookieVariable: text('cookie-env'),
    cookieFile: text('cookie-file'),
    listenPort,
    discovery,
  };
}

function isNumber(text: string): boolean {
  return /^\d+$/u.test(text);
}

function readPeer(text: string, problems: string[]): PeerAddress | undefined {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+(?:%[\w.-]+)?\]|[^\s:[\]]+):(\d{1,5})$/u.exec(text) ?? [];
  if (host !== undefined) return { host, port: Number(port) };
  problems.push(`--peers must be a list of host:port, separated by commas; '${text}' is none`);
  return undefined;
}
