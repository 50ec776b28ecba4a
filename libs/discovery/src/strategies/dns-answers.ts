/** Makes one answer of the answers for several names, of which some may have failed. */
import { type Logger, silentLogger } from '@rookery/runtime';
import type { PeerAddress } from '../discovery-strategy.js';
import { DiscoveryError } from '../errors.js';
import type { LookupAnswer, LookupFailure } from './dns-lookup.js';

/**
 * Remembers the last answer for each name. A name that fails while another answers keeps its own, exactly as if it had
 * a strategy of its own. A failure that does not spoil the whole answer is logged once for as long as it lasts.
 */
export class DnsAnswers {
  /** Set once there is one; strategies are made before they are lent a logger. */
  logger: Logger = silentLogger;
  private readonly known = new Map<string, readonly PeerAddress[]>();
  /** Names under which nobody was listed at last. */
  private readonly empty = new Set<string>();
  private logged = '';

  /**
   * @param answers - by name, all names of the poll.
   * @param servers - who was asked, for messages.
   * @throws {@link DiscoveryError} `DISCOVERY_LOOKUP_FAILED` when not one of the names got an answer.
   */
  merge(answers: ReadonlyMap<string, LookupAnswer>, servers: readonly string[]): PeerAddress[] {
    const names = [...answers.keys()];
    const failures = [...answers.values()].flatMap((answer) => answer.failures);
    const answered = [...answers].filter(([, answer]) => isAnswer(answer));
    if (answered.length === 0) throw lookupFailed(names, failures, servers);
    for (const [name, { addresses }] of answered) {
      this.known.set(name, addresses);
      this.logEmptiness(name, addresses.length === 0);
    }
    this.logPartialFailure(failures, servers);
    return names.flatMap((name) => this.known.get(name) ?? []);
  }

  /** A name that is misspelt looks like one that nobody is behind yet: a node that stays alone for it must say so. */
  private logEmptiness(name: string, isEmpty: boolean): void {
    if (isEmpty === this.empty.has(name)) return;
    if (isEmpty) {
      this.empty.add(name);
      this.logger.warn(
        `DNS lists nobody under '${name}': the name does not exist, or has no such records. This node meets nobody there ` +
          'until it does. If that goes on, check the name; search domains do not apply, so write it in full.',
      );
    } else {
      this.empty.delete(name);
      this.logger.info(`DNS lists somebody under '${name}' now.`);
    }
  }

  private logPartialFailure(failures: readonly LookupFailure[], servers: readonly string[]): void {
    const text = failures.length === 0 ? '' : describeFailures(failures, servers);
    if (text === this.logged) return;
    this.logged = text;
    if (text !== '')
      this.logger.warn(`DNS answered in part: ${text}. What it did answer is used; the rest is asked again.`);
  }
}

/** Addresses, or the certainty that there are none. */
function isAnswer({ addresses, failures }: LookupAnswer): boolean {
  return addresses.length > 0 || failures.length === 0;
}

function lookupFailed(
  names: readonly string[],
  failures: readonly LookupFailure[],
  servers: readonly string[],
): DiscoveryError {
  const text = describeFailures(failures, servers);
  const errors = failures.map((failure) => failure.error);
  return new DiscoveryError(
    'DISCOVERY_LOOKUP_FAILED',
    `Who is behind ${names.join(', ')} is unknown: ${text}. Peers found before stay, and it is asked again at the ` +
      'next poll. If this goes on, check that the name is right and that these name servers can be reached from here.',
    { cause: errors.length === 1 ? errors[0] : new AggregateError(errors, text) },
  );
}

/** How many failures a message spells out. */
const MAX_DESCRIBED_FAILURES = 4;

function describeFailures(failures: readonly LookupFailure[], servers: readonly string[]): string {
  const described = failures
    .slice(0, MAX_DESCRIBED_FAILURES)
    .map(({ question, error }) => `${question} (${error.code ?? error.message})`);
  if (failures.length > described.length) described.push(`${failures.length - described.length} more`);
  return `no answer to ${described.join(', ')} from ${servers.join(', ')}`;
}
