/** Reads how the replicas shall find each other. */

/** Where other replicas are to be found. */
export type Discovery =
  | { readonly kind: 'local' }
  | { readonly kind: 'dns'; readonly hostname: string; readonly port: number }
  | {
      readonly kind: 'kubernetes';
      readonly services: readonly string[];
      /** Undefined: that of the pod's service account. */
      readonly namespace: string | undefined;
      readonly port: number;
      /** Whether to watch the API of Kubernetes, instead of asking its DNS. */
      readonly isByApi: boolean;
    }
  | { readonly kind: 'peers'; readonly peers: readonly { readonly host: string; readonly port: number }[] };

const WAYS = ['CLUSTER_DNS', 'CLUSTER_KUBERNETES_SERVICE', 'CLUSTER_PEERS'];

/** What Kubernetes accepts as the name of a service or a namespace. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_SERVICES = 16;

/**
 * @param text a variable, or undefined where it is not set
 * @param port where the other replicas listen, as this one does
 * @param problems gets a sentence for each that is found
 */
export function readDiscovery(text: (name: string) => string | undefined, port: number, problems: string[]): Discovery {
  const [hostname, services, peers] = WAYS.map(text);
  const chosen = WAYS.filter((name) => text(name) !== undefined);
  if (chosen.length > 1) {
    problems.push(`${chosen.join(' and ')} exclude each other: set one of them, or none for replicas of one machine`);
  }
  const namespace = text('CLUSTER_KUBERNETES_NAMESPACE');
  if (namespace !== undefined) {
    if (services === undefined) problems.push('CLUSTER_KUBERNETES_NAMESPACE needs CLUSTER_KUBERNETES_SERVICE');
    if (!LABEL.test(namespace)) problems.push(`CLUSTER_KUBERNETES_NAMESPACE must be a namespace, not "${namespace}"`);
  }
  const api = text('CLUSTER_KUBERNETES_API');
  if (api !== undefined) {
    if (services === undefined) problems.push('CLUSTER_KUBERNETES_API needs CLUSTER_KUBERNETES_SERVICE');
    if (!['true', 'false'].includes(api)) problems.push(`CLUSTER_KUBERNETES_API must be true or false, not "${api}"`);
  }
  if (services !== undefined) {
    const isByApi = api === 'true';
    return { kind: 'kubernetes', services: readServices(services, problems), namespace, port, isByApi };
  }
  if (hostname !== undefined) return { kind: 'dns', hostname, port };
  if (peers === undefined) return { kind: 'local' };
  return { kind: 'peers', peers: peers.split(',').flatMap((peer) => readPeer(peer.trim(), problems)) };
}

function readServices(list: string, problems: string[]): string[] {
  const services = list.split(',').map((service) => service.trim());
  const wrong = services.find((service) => !LABEL.test(service));
  if (wrong !== undefined) {
    problems.push(
      `CLUSTER_KUBERNETES_SERVICE must be the bare name of a headless service, or several separated by commas; "${wrong}" is none`,
    );
  }
  if (services.length > MAX_SERVICES) {
    problems.push(`CLUSTER_KUBERNETES_SERVICE must name ${MAX_SERVICES} services at most, not ${services.length}`);
  }
  return services;
}

function readPeer(peer: string, problems: string[]): { host: string; port: number }[] {
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]]+):(\d{1,5})$/.exec(peer) ?? [];
  if (host !== undefined && Number(port) >= 1 && Number(port) <= 65_535) return [{ host, port: Number(port) }];
  problems.push(`CLUSTER_PEERS must be a list of host:port, separated by commas; "${peer}" is none`);
  return [];
}
