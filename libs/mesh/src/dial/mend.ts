/** What to do about what came of a dial, in words that follow the outcome. Pure. */
import { printable } from '@rookery/runtime';
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../protocol/list-frames.js';
import type { DialOutcome } from './dialer.js';

/**
 * The remedy for an outcome, a sentence or two; undefined where nothing is to be done, or time alone mends it.
 *
 * @param cluster the name of our own
 */
export function mendOf(outcome: DialOutcome, cluster: string): string | undefined {
  switch (outcome) {
    case 'refused':
      return (
        'Nobody listens there: is that node running, is this the port on which it listens for the mesh (listen.port), and ' +
        'does it listen on more than 127.0.0.1 (listen.host)? A firewall that refuses looks the same.'
      );
    case 'timeout':
      return (
        'The host does not answer: a firewall or a network policy drops TCP to this port, or nobody has that address any ' +
        'more. Open the port in both directions, or take the address from the list.'
      );
    case 'silent':
      return (
        'The connection was taken, and nothing answered: that node is frozen or very busy, or a proxy or somebody else’s ' +
        'service listens there. List the port on which the node listens for the mesh (listen.port).'
      );
    case 'unreachable':
      return 'There is no way to that host from here: check routes, interfaces and network policies, and that the address is right.';
    case 'unresolved':
      return 'The name has no address: check it, or list the address itself.';
    case 'unauthenticated':
      return 'Give every node the same cookie.';
    case 'foreign':
      return (
        'Probably something else than Rookery answers there, such as an HTTP server: list the port on which that node ' +
        'listens for the mesh (listen.port).'
      );
    case 'cluster':
      return `This node belongs to '${printable(cluster)}'. Give both the same \`cluster\`, or take the address from the list.`;
    case 'version':
      return `This node speaks ${PROTOCOL_MIN} to ${PROTOCOL_MAX}. Run releases that can be mixed.`;
    case 'busy':
      return 'That node has no room for another link or member: see its log.';
    default:
      return undefined;
  }
}
