/** A fixed list of peers, written down by hand. */
import { uniqueAddresses } from '../address.js';
import type { DiscoveryStrategy, PeerAddress } from '../discovery-strategy.js';
import { DiscoveryOptionsError } from '../errors.js';
import { checkOptions, expected, hostRule, type OptionRules, portRule } from '../option-check.js';

const PEER_RULES: OptionRules<PeerAddress> = { host: hostRule, port: portRule };

/**
 * Peers at addresses that never change: virtual machines, a Compose file with one service per replica, tests. Every
 * node may be given the same list, its own address included, and one living address is enough to join: the others
 * are learnt from the members already there. Names are resolved again at every dial.
 *
 * @param peers - any number of addresses; repetitions are dropped, the list is copied.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every address that cannot be dialled.
 * @example
 * staticPeers([
 *   { host: 'app-1.internal', port: 4370 },
 *   { host: '10.0.3.7', port: 4370 },
 * ]);
 */
export function staticPeers(peers: readonly PeerAddress[]): DiscoveryStrategy {
  const problems = Array.isArray(peers)
    ? peers.flatMap((peer, index) => checkOptions(peer, PEER_RULES, `peers[${index}]`))
    : [`peers ${expected('an array of { host, port }', peers)}`];
  if (problems.length > 0) throw new DiscoveryOptionsError('staticPeers()', problems);
  const addresses = Object.freeze(uniqueAddresses(peers));
  return { name: 'static', discover: () => Promise.resolve(addresses) };
}
