export type { DiscoveryContext, DiscoverySelf, DiscoveryStrategy, PeerAddress } from './discovery-strategy.js';
