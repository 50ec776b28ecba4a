/** A fixed list of peers, written down by hand. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { printable, systemClock } from '@rookery/runtime';
import { normalizeHost, uniqueAddresses } from '../../address.js';
import type { DiscoveryContext, DiscoveryStrategy, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError, DiscoveryOptionsError } from '../../errors.js';
import { checkOptions, expected, hostRule, type OptionRules, portRule } from '../../option-check.js';
import { NameLookups, type ResolveName } from './name-lookups.js';

const PEER_RULES: OptionRules<PeerAddress> = { host: hostRule, port: portRule };

/** As many as a mesh looks at of one answer. */
const MAX_PEERS = 2_000;

/**
 * Peers at addresses or names that are known beforehand: virtual machines, a Compose file with one service per replica,
 * tests. Every node may be given the same list, its own address included, and one living address is enough to join: the
 * others are learnt from the members already there.
 *
 * Names are resolved again at every poll, as every program of the machine resolves them: the hosts file and search domains
 * apply, and all addresses of a name are peers. A name that cannot be resolved keeps the addresses that it had; if it has
 * none, and no other entry has any, `discover` rejects with `DISCOVERY_LOOKUP_FAILED`.
 *
 * @param peers - up to 2000 addresses; repetitions are dropped, the list is copied.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every address that cannot be dialled.
 * @example
 * staticPeers([
 *   { host: 'app-1.internal', port: 4370 },
 *   { host: '10.0.3.7', port: 4370 },
 * ]);
 */
export function staticPeers(peers: readonly PeerAddress[]): DiscoveryStrategy {
  return staticPeersResolvedBy(resolveByMachine, peers);
}

/** {@link staticPeers} with a resolver of one's choice. @internal */
export function staticPeersResolvedBy(resolve: ResolveName, peers: readonly PeerAddress[]): DiscoveryStrategy {
  const problems = Array.isArray(peers)
    ? peers.flatMap((peer, index) => checkOptions(peer, PEER_RULES, `peers[${index}]`))
    : [`peers ${expected('an array of { host, port }', peers)}`];
  if (problems.length === 0 && peers.length > MAX_PEERS) {
    problems.push(`peers must have at most ${MAX_PEERS} entries, got ${peers.length}`);
  }
  if (problems.length > 0) throw new DiscoveryOptionsError('staticPeers()', problems);
  const listed = uniqueAddresses(peers);
  const hosts = new Set(listed.map(({ host }) => host));
  const names = [...hosts].filter((host) => isIP(host) === 0);
  if (names.length === 0) {
    const addresses = Object.freeze(listed);
    return {
      name: 'static',
      async discover(signal) {
        signal.throwIfAborted();
        return Promise.resolve(addresses);
      },
    };
  }
  return new NamedPeers(listed, new NameLookups(names, resolve, names.length < hosts.size));
}

/** Peers of which some are named. */
class NamedPeers implements DiscoveryStrategy {
  readonly name = 'static';
  private context: DiscoveryContext | undefined;
  private readonly told = new Map<string, string>();

  constructor(
    private readonly listed: readonly PeerAddress[],
    private readonly lookups: NameLookups,
  ) {}

  start(context: DiscoveryContext): void {
    this.context = context;
  }

  withdraw(): Promise<void> {
    this.context = undefined;
    this.lookups.stop();
    return Promise.resolve();
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    await this.lookups.refresh(signal, this.context?.clock ?? systemClock, () => this.context?.changed());
    this.tell();
    const addresses = this.listed.flatMap(({ host, port }) =>
      isIP(host) === 0 ? this.lookups.known(host).map((address) => ({ host: address, port })) : [{ host, port }],
    );
    if (addresses.length > 0) return uniqueAddresses(addresses);
    throw new DiscoveryError(
      'DISCOVERY_LOOKUP_FAILED',
      `Not one of the names that staticPeers() lists has an address: ${this.explain()}`,
    );
  }

  explain(): string | undefined {
    const { failures } = this.lookups;
    if (failures.size === 0) return undefined;
    const described = [...failures].slice(0, 4).map(([name, error]) => `${printable(name)} (${error})`);
    if (failures.size > described.length) described.push(`${failures.size - described.length} more`);
    return (
      `These names cannot be resolved: ${described.join(', ')}. The addresses that they had stay in use. Check the names, ` +
      'the hosts file and the name servers of this machine.'
    );
  }

  /** Says once for each name that it fails, and once that it does not any more. */
  private tell(): void {
    const { failures } = this.lookups;
    for (const [name, error] of failures) {
      if (this.told.get(name) !== error) this.context?.logger.warn(`Cannot resolve '${printable(name)}' (${error}).`);
      this.told.set(name, error);
    }
    for (const name of this.told.keys()) {
      if (failures.has(name)) continue;
      this.told.delete(name);
      this.context?.logger.info(`'${printable(name)}' is resolved again.`);
    }
  }
}

async function resolveByMachine(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => normalizeHost(address));
}
