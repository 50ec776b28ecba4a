/** Peers behind a headless service of Kubernetes, by the cluster's DNS. */
import type { DiscoveryStrategy } from '../../discovery-strategy.js';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  checkOptions,
  dnsNameRule,
  oneOrMoreRule,
  optionalRule,
  type OptionRules,
  pollIntervalRule,
} from '../../option-check.js';
import { dnsStrategy } from '../dns/dns.js';
import { DEFAULT_DNS_OPTIONS, resolveDnsOptions, serversRule } from '../dns/dns-options.js';
import { labelRule, NAMESPACE_FILE, pathRule, portOrNameRule, resolveNamespace } from './kubernetes-names.js';

/** Options of {@link kubernetesDns}. */
export interface KubernetesDnsOptions {
  /** The headless service whose pods are peers, or up to 16 of them: their bare names. */
  readonly service: string | readonly string[];
  /** The namespace of the service. @default the pod's own, read from `namespaceFile` */
  readonly namespace?: string;
  /**
   * A number: the port on which every pod listens; the pods are found by A and AAAA records. A string: the name of a
   * port of the service; pods and their port are found by SRV records, so that the manifest alone says the number.
   */
  readonly port: number | string;
  /** How often to ask, in milliseconds, 100 to 3 600 000. @default 5000 */
  readonly pollIntervalMs?: number;
  /** The DNS domain of the Kubernetes cluster. @default 'cluster.local' */
  readonly clusterDomain?: string;
  /** Name servers, as for {@link dns}. @default those of the pod */
  readonly servers?: readonly string[];
  /** Where Kubernetes tells a pod its namespace. @default '/var/run/secrets/kubernetes.io/serviceaccount/namespace' */
  readonly namespaceFile?: string;
}

/** The values of {@link KubernetesDnsOptions} that may be left out. */
export const DEFAULT_KUBERNETES_DNS_OPTIONS = {
  pollIntervalMs: DEFAULT_DNS_OPTIONS.pollIntervalMs,
  clusterDomain: 'cluster.local',
  namespaceFile: NAMESPACE_FILE,
} as const;

/**
 * Peers behind a headless service. Needs no access to the Kubernetes API: the DNS of the cluster lists the pods.
 *
 * The service must be *headless* (`clusterIP: None`), or DNS answers with one virtual address instead of the pods. It
 * must also set `publishNotReadyAddresses: true`: a pod that becomes ready only once it has met its peers is otherwise
 * never listed, and pods that start together never meet.
 *
 * ```yaml
 * apiVersion: v1
 * kind: Service
 * metadata: { name: app-headless }
 * spec:
 *   clusterIP: None
 *   publishNotReadyAddresses: true
 *   selector: { app: app }
 *   ports: [{ name: rookery, port: 4370 }]
 * ```
 *
 * Names are asked for in full (`app-headless.shop.svc.cluster.local`): Node's resolver does not apply the search domains
 * that Kubernetes writes into a pod. Answers, failures and time-outs are those of {@link dns}.
 *
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem; also when `namespace` is left
 * out and cannot be read, as outside Kubernetes or with `automountServiceAccountToken: false`.
 * @example
 * kubernetesDns({ service: 'app-headless', port: 4370 });
 * kubernetesDns({ service: 'app-headless', port: 'rookery', namespace: 'shop' });
 */
export function kubernetesDns(options: KubernetesDnsOptions): DiscoveryStrategy {
  const problems = checkOptions(options, RULES);
  const { namespace, problem, cause } = resolveNamespace(options);
  if (problem !== undefined) problems.push(problem);
  if (problems.length > 0) throw new DiscoveryOptionsError('kubernetesDns()', problems, { cause });

  const { service, port, servers } = options;
  const { pollIntervalMs = DEFAULT_KUBERNETES_DNS_OPTIONS.pollIntervalMs } = options;
  const { clusterDomain = DEFAULT_KUBERNETES_DNS_OPTIONS.clusterDomain } = options;
  const services = typeof service === 'string' ? [service] : service;
  const names = services.map((name) => `${name}.${namespace}.svc.${clusterDomain}`);
  const base = { pollIntervalMs, servers, searchDomains: [] };
  const resolved = resolveDnsOptions(
    typeof port === 'number'
      ? { ...base, hostname: names, port }
      : { ...base, hostname: names.map((name) => `_${port}._tcp.${name}`), type: 'SRV' },
  );
  const advice =
    `If that goes on: is there a headless service of that name (kubectl get service -n ${namespace}), does its selector match ` +
    'the pods (kubectl get endpointslices), and has it publishNotReadyAddresses: true' +
    (typeof port === 'number' ? '?' : `, and a port named ${port}?`);
  return dnsStrategy('kubernetes-dns', resolved, advice);
}

const RULES: OptionRules<KubernetesDnsOptions> = {
  service: oneOrMoreRule(labelRule, 16),
  namespace: optionalRule(labelRule),
  port: portOrNameRule,
  pollIntervalMs: optionalRule(pollIntervalRule),
  clusterDomain: optionalRule(dnsNameRule),
  servers: optionalRule(serversRule),
  namespaceFile: optionalRule(pathRule),
};
