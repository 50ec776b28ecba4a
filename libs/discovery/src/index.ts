export {
  addressKey,
  type HostInterfaces,
  type InterfaceAddress,
  isLoopback,
  isThisHost,
  isUnspecified,
  normalizeHost,
  uniqueAddresses,
} from './address.js';
export type { DiscoveryContext, DiscoverySelf, DiscoveryStrategy, PeerAddress } from './discovery-strategy.js';
export { DiscoveryError, type DiscoveryErrorCode, DiscoveryOptionsError } from './errors.js';
export {
  checkOptions,
  closest,
  dnsNameRule,
  expected,
  hostRule,
  integerRule,
  listRule,
  oneOrMoreRule,
  optionalRule,
  type OptionRule,
  type OptionRules,
  pollIntervalRule,
  portRule,
  unknownKeys,
} from './option-check.js';
export { dns } from './strategies/dns/dns.js';
export {
  DEFAULT_DNS_OPTIONS,
  type DnsAddressOptions,
  type DnsBaseOptions,
  type DnsOptions,
  type DnsServiceOptions,
} from './strategies/dns/dns-options.js';
export { file } from './strategies/file/file.js';
export { DEFAULT_FILE_OPTIONS, type FileOptions } from './strategies/file/file-options.js';
export { kubernetesApi } from './strategies/kubernetes/kubernetes-api.js';
export {
  DEFAULT_KUBERNETES_API_OPTIONS,
  type KubernetesApiBaseOptions,
  type KubernetesApiOptions,
  type KubernetesApiPodOptions,
  type KubernetesApiServiceOptions,
} from './strategies/kubernetes/kubernetes-api-options.js';
export {
  DEFAULT_KUBERNETES_DNS_OPTIONS,
  kubernetesDns,
  type KubernetesDnsOptions,
} from './strategies/kubernetes/kubernetes-dns.js';
export { local, LOCAL_POLL_INTERVAL_MS, type LocalOptions } from './strategies/local/local.js';
export { multicast } from './strategies/multicast/multicast.js';
export { DEFAULT_MULTICAST_OPTIONS, type MulticastOptions } from './strategies/multicast/multicast-options.js';
export type { PeersFileFormat } from './strategies/file/peers-file.js';
export { staticPeers } from './strategies/static/static-peers.js';
export { untilAborted } from './until-aborted.js';
