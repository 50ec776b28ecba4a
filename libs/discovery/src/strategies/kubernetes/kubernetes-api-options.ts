/** What kubernetesApi() can be told, and what it makes of it. */
import { isIPv6 } from 'node:net';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  checkOptions,
  expected,
  integerRule,
  oneOrMoreRule,
  optionalRule,
  type OptionRule,
  type OptionRules,
  pollIntervalRule,
} from '../../option-check.js';
import {
  labelRule,
  NAMESPACE_FILE,
  pathRule,
  portOrNameRule,
  resolveNamespace,
  SERVICE_ACCOUNT_DIRECTORY,
} from './kubernetes-names.js';

/** What both kinds of {@link KubernetesApiOptions} have in common. */
export interface KubernetesApiBaseOptions {
  /**
   * A number: the port on which every pod listens. A string: the name of a port of the service or, with `selector`, of a
   * container of the pod, so that the manifest alone says the number.
   */
  readonly port: number | string;
  /** The namespace of the service or of the pods. @default the pod's own, read from `namespaceFile` */
  readonly namespace?: string;
  /**
   * Whether pods count that are not ready. They should: a pod that becomes ready only once it has met its peers must find
   * them, and be found, before. Those that are ending count as long as they serve, either way.
   * @default true
   */
  readonly includeNotReady?: boolean;
  /**
   * How often the answer is read, in milliseconds, 100 to 3 600 000. It is at hand, and a change is told at once: this
   * decides only how soon an outage of the API is noticed.
   * @default 5000
   */
  readonly pollIntervalMs?: number;
  /**
   * How long the last known answer may be given while the API cannot be watched, in milliseconds, 1000 to 600 000. After
   * that the answer is "I do not know". Shorter notices an outage sooner; longer bridges a restart of the API server.
   * @default 30000
   */
  readonly staleAfterMs?: number;
  /** How long the API may take until it begins to answer, connecting included, in milliseconds, 100 to 60 000. @default 5000 */
  readonly timeoutMs?: number;
  /**
   * The URL of the API, `https:` only.
   * @default made of the variables KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which every pod has
   */
  readonly server?: string;
  /** The token to show, read again each minute. @default '/var/run/secrets/kubernetes.io/serviceaccount/token' */
  readonly tokenFile?: string;
  /**
   * The certificates of the authorities that the API's own certificate may come from (PEM), read again each minute.
   * @default '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt'
   */
  readonly caFile?: string;
  /** Where Kubernetes tells a pod its namespace. @default '/var/run/secrets/kubernetes.io/serviceaccount/namespace' */
  readonly namespaceFile?: string;
}

/** Peers are the endpoints of a service. Needs `list` and `watch` on `endpointslices` of `discovery.k8s.io`. */
export interface KubernetesApiServiceOptions extends KubernetesApiBaseOptions {
  /** The service whose endpoints are peers, or up to 16 of them: their bare names. It need not be headless. */
  readonly service: string | readonly string[];
  readonly selector?: undefined;
}

/** Peers are pods, without any service. Needs `list` and `watch` on `pods`. */
export interface KubernetesApiPodOptions extends KubernetesApiBaseOptions {
  /** The labels of the pods that are peers, as `kubectl get pods -l` takes them: `app=shop,tier in (api,web)`. */
  readonly selector: string;
  readonly service?: undefined;
}

/** Options of {@link kubernetesApi}: exactly one of `service` and `selector`. */
export type KubernetesApiOptions = KubernetesApiServiceOptions | KubernetesApiPodOptions;

/** The values of {@link KubernetesApiOptions} that may be left out. */
export const DEFAULT_KUBERNETES_API_OPTIONS = {
  includeNotReady: true,
  pollIntervalMs: 5_000,
  staleAfterMs: 30_000,
  timeoutMs: 5_000,
  tokenFile: `${SERVICE_ACCOUNT_DIRECTORY}/token`,
  caFile: `${SERVICE_ACCOUNT_DIRECTORY}/ca.crt`,
  namespaceFile: NAMESPACE_FILE,
} as const;

/** Checked and complete. */
export interface ResolvedKubernetesApiOptions {
  readonly resource: 'endpointslices' | 'pods';
  /** The path of the collection. */
  readonly path: string;
  readonly labelSelector: string;
  /** What is looked for, for messages. */
  readonly what: string;
  readonly namespace: string;
  readonly port: number | string;
  readonly includeNotReady: boolean;
  readonly pollIntervalMs: number;
  readonly staleAfterMs: number;
  readonly timeoutMs: number;
  readonly server: URL;
  readonly tokenFile: string;
  readonly caFile: string;
}

/** Where the API is, as Kubernetes tells every pod. */
export interface PodEnvironment {
  readonly host: string | undefined;
  readonly port: string | undefined;
}

function podEnvironment(): PodEnvironment {
  return {
    // eslint-disable-next-line rookery/environment -- what Kubernetes tells every pod, not how this node is configured
    host: process.env['KUBERNETES_SERVICE_HOST'],
    // eslint-disable-next-line rookery/environment -- the same
    port: process.env['KUBERNETES_SERVICE_PORT'],
  };
}

/** @throws {@link DiscoveryOptionsError} naming every problem. */
export function resolveKubernetesApiOptions(
  options: KubernetesApiOptions,
  environment: PodEnvironment = podEnvironment(),
): ResolvedKubernetesApiOptions {
  const problems = checkOptions(options, RULES);
  const given: Partial<KubernetesApiOptions> = options ?? {};
  if (given.service === undefined && given.selector === undefined)
    problems.push('service is missing, or give selector');
  if (given.service !== undefined && given.selector !== undefined) {
    problems.push(
      'selector cannot be given beside service: choose the endpoints of a service, or pods by their labels',
    );
  }
  const { namespace, problem, cause } = resolveNamespace(given);
  if (problem !== undefined) problems.push(problem);
  const server = given.server ?? serverOf(environment);
  if (server === undefined) {
    problems.push('server is not given, and KUBERNETES_SERVICE_HOST names none; give server, or run in a pod');
  }
  if (problems.length > 0) throw new DiscoveryOptionsError('kubernetesApi()', problems, { cause });

  const { port, service, selector } = options;
  return {
    ...(service === undefined ? podsIn(namespace!, selector) : slicesIn(namespace!, service)),
    namespace: namespace!,
    port,
    includeNotReady: options.includeNotReady ?? DEFAULT_KUBERNETES_API_OPTIONS.includeNotReady,
    pollIntervalMs: options.pollIntervalMs ?? DEFAULT_KUBERNETES_API_OPTIONS.pollIntervalMs,
    staleAfterMs: options.staleAfterMs ?? DEFAULT_KUBERNETES_API_OPTIONS.staleAfterMs,
    timeoutMs: options.timeoutMs ?? DEFAULT_KUBERNETES_API_OPTIONS.timeoutMs,
    server: new URL(server!),
    tokenFile: options.tokenFile ?? DEFAULT_KUBERNETES_API_OPTIONS.tokenFile,
    caFile: options.caFile ?? DEFAULT_KUBERNETES_API_OPTIONS.caFile,
  };
}

type Collected = Pick<ResolvedKubernetesApiOptions, 'resource' | 'path' | 'labelSelector' | 'what'>;

/** Several services are one list and one watch: their slices differ in one label. */
function slicesIn(namespace: string, service: string | readonly string[]): Collected {
  const services = typeof service === 'string' ? [service] : [...new Set(service)].sort();
  const label = 'kubernetes.io/service-name';
  const names = services.map((name) => `'${name}'`).join(', ');
  return {
    resource: 'endpointslices',
    path: `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
    labelSelector: services.length === 1 ? `${label}=${services[0]}` : `${label} in (${services.join(',')})`,
    what: services.length === 1 ? `service ${names}` : `services ${names}`,
  };
}

function podsIn(namespace: string, selector: string): Collected {
  return {
    resource: 'pods',
    path: `/api/v1/namespaces/${namespace}/pods`,
    labelSelector: selector,
    what: `selector '${selector}'`,
  };
}

/** Undefined outside of Kubernetes, and for variables that name no host. */
function serverOf({ host, port = '443' }: PodEnvironment): string | undefined {
  if (host === undefined || host === '') return undefined;
  const server = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return serverRule(server) === undefined ? server : undefined;
}

const serverRule: OptionRule = (value) => {
  const what = "a URL that begins with https://, such as 'https://10.96.0.1'";
  if (typeof value !== 'string' || !URL.canParse(value)) return expected(what, value);
  const url = new URL(value);
  // What is in it may be a secret.
  if (url.username !== '' || url.password !== '')
    return `must be ${what}, without a user; the token comes from tokenFile`;
  if (url.search !== '' || url.hash !== '') return `must be ${what}, without a query`;
  return url.protocol === 'https:' ? undefined : expected(what, value);
};

/** The grammar of selectors is the server's to check; what could leave its place in a message or a URL is not let in. */
const SELECTOR = /^[\w\s./(),=!-]{1,1000}$/;

const selectorRule: OptionRule = (value) =>
  typeof value === 'string' && SELECTOR.test(value) && value.trim() !== ''
    ? undefined
    : expected("a selector of labels, such as 'app=shop'", value);

const booleanRule: OptionRule = (value) => (typeof value === 'boolean' ? undefined : expected('true or false', value));

const RULES: OptionRules<KubernetesApiServiceOptions & { selector?: unknown }> = {
  service: optionalRule(oneOrMoreRule(labelRule, 16)),
  selector: optionalRule(selectorRule),
  namespace: optionalRule(labelRule),
  port: portOrNameRule,
  includeNotReady: optionalRule(booleanRule),
  pollIntervalMs: optionalRule(pollIntervalRule),
  staleAfterMs: optionalRule(integerRule(1_000, 600_000)),
  timeoutMs: optionalRule(integerRule(100, 60_000)),
  server: optionalRule(serverRule),
  tokenFile: optionalRule(pathRule),
  caFile: optionalRule(pathRule),
  namespaceFile: optionalRule(pathRule),
};
