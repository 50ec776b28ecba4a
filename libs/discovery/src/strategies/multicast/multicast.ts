/** Peers on the local network: each asks by multicast who is there, and whoever holds the cookie answers. */
import type { DiscoveryContext, DiscoverySelf, DiscoveryStrategy, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError } from '../../errors.js';
import { untilAborted } from '../../until-aborted.js';
import { MulticastNode } from './multicast-node.js';
import { type MulticastOptions, type ResolvedMulticastOptions, resolveMulticastOptions } from './multicast-options.js';

/**
 * Peers on the local network, without a server and without a list: every node asks a multicast group at each poll, and
 * the others answer where they listen. For machines on one switch, a laboratory, a rack at the edge. Most clouds, and
 * Kubernetes with most of its networks, do not forward multicast: use {@link dns} or {@link kubernetesDns} there.
 *
 * Every packet is signed under a key from the cookie, and says nothing secret: addresses and random numbers; neither the
 * cookie nor the name of the cluster. Only an answer to a question of one's own, which carries a fresh random number,
 * puts an address on the list, and each answer once, so that recorded packets are worth nothing. Whoever has no cookie
 * costs each node a bounded number of checks (2000 a second) and answers (200 a second, none longer than the question).
 * Nobody is asked to believe an address: who answers there must hold the cookie once more.
 *
 * - *Firewalls.* Nodes must be able to send UDP to the group at its port, and to each other at any port.
 * - *Bounds.* 1000 peers, 16 interfaces, 328 bytes a packet.
 * - *A node that listens on every address* (`0.0.0.0`, `::`) is listed with the one that its answer came from.
 *
 * @returns a strategy for one node, whose `start` rejects with `DISCOVERY_IN_USE` for a second one, and whose `discover`
 * rejects with {@link DiscoveryError} `DISCOVERY_MULTICAST_FAILED` while it cannot ask on any interface, with
 * `DISCOVERY_NOT_STARTED`, and with the signal's reason when it is aborted.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem.
 * @example
 * multicast();
 * multicast({ interface: 'eth1', port: 4400 });
 * multicast({ group: 'ff05::1:6770', ttl: 8 });
 */
export function multicast(options: MulticastOptions = {}): DiscoveryStrategy {
  return new MulticastStrategy(resolveMulticastOptions(options));
}

class MulticastStrategy implements DiscoveryStrategy {
  readonly name = 'multicast';
  readonly pollIntervalMs: number;
  private node: MulticastNode | undefined;

  constructor(private readonly options: ResolvedMulticastOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
  }

  async start(context: DiscoveryContext): Promise<void> {
    if (this.node !== undefined) {
      throw new DiscoveryError(
        'DISCOVERY_IN_USE',
        'This multicast() already serves a node: it answers for one process. Call multicast() again for each node.',
      );
    }
    this.node = new MulticastNode(this.options, context);
    await this.node.listen();
  }

  async announce(_self: DiscoverySelf, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await untilAborted(this.started().listen(), signal);
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    return untilAborted(this.started().peers(), signal);
  }

  async withdraw(): Promise<void> {
    const { node } = this;
    this.node = undefined;
    await node?.leave();
  }

  explain(): string | undefined {
    return this.node?.explain();
  }

  private started(): MulticastNode {
    if (this.node !== undefined) return this.node;
    throw new DiscoveryError(
      'DISCOVERY_NOT_STARTED',
      'multicast() was asked before it was started, or after it left: start(context) tells it the cluster to look for.',
    );
  }
}
