/** Makes one answer of the answers for several names, of which some may have failed. */
import { type Logger, silentLogger } from '@rookery/runtime';
import type { PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError } from '../../errors.js';
import type { LookupAnswer, LookupFailure } from './dns-lookup.js';

/**
 * Remembers the last answer for each name. A name that fails while another answers keeps its own, exactly as if it had
 * a strategy of its own. A failure that does not spoil the whole answer is logged once for as long as it lasts.
 */
export class DnsAnswers {
  /** Set once there is one; strategies are made before they are lent a logger. */
  logger: Logger = silentLogger;
  private readonly known = new Map<string, readonly PeerAddress[]>();
  /** Names under which nobody was listed at last, with the reason. */
  private readonly empty = new Map<string, string>();
  /** Under which spelling of each name somebody was listed last. */
  private readonly spellings = new Map<string, string>();
  /** What of the last answer is missing. */
  private missing = '';

  /**
   * @param kinds - the records that are asked for, for messages.
   * @param advice - what to check where nobody is listed.
   */
  constructor(
    private readonly kinds = 'A or AAAA',
    private readonly advice = 'If that goes on, check the name: is somebody listed under it, and is it written in full?',
  ) {}

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
    for (const [name, answer] of answered) {
      this.known.set(name, answer.addresses);
      this.noteEmptiness(name, answer);
      this.noteSpelling(name, answer);
    }
    this.notePartialFailure(failures, servers);
    return names.flatMap((name) => this.known.get(name) ?? []);
  }

  /** Under which spelling of a name somebody was listed last. */
  spellingOf(name: string): string | undefined {
    return this.spellings.get(name);
  }

  /** What is to be said about the last answer. */
  explain(): string | undefined {
    const texts = [...this.empty.values()];
    for (const [name, spelling] of this.spellings) {
      if (spelling !== name && !this.empty.has(name))
        texts.push(
          `'${name}' is listed as '${spelling}', by a search domain. If that is somebody else's, end the name with a dot.`,
        );
    }
    if (this.missing !== '') texts.push(`DNS answered in part: ${this.missing}.`);
    return texts.length === 0 ? undefined : texts.join(' ');
  }

  /** A name that is misspelt looks like one that nobody is behind yet: a node that stays alone for it must say so. */
  private noteEmptiness(name: string, { addresses, isUnknownName }: LookupAnswer): void {
    const wasEmpty = this.empty.has(name);
    if (addresses.length > 0) {
      this.empty.delete(name);
      if (wasEmpty) this.logger.info(`DNS lists somebody under '${name}' now.`);
      return;
    }
    const why = isUnknownName === true ? 'the name does not exist (NXDOMAIN)' : `the name has no ${this.kinds} records`;
    const text = `DNS lists nobody under '${name}': ${why}. This node meets nobody there until that changes. ${this.advice}`;
    this.empty.set(name, text);
    if (!wasEmpty) this.logger.warn(text);
  }

  /** Domains may answer to everything: whoever is listed under another spelling all at once may be somebody else. */
  private noteSpelling(name: string, { spelling }: LookupAnswer): void {
    if (spelling === undefined) return;
    const before = this.spellings.get(name);
    this.spellings.set(name, spelling);
    if (before === undefined || before === spelling) return;
    this.logger.warn(
      `DNS lists '${name}' as '${spelling}' now, and as '${before}' before: whoever is listed there is asked who it is. If ` +
        'that is somebody else’s domain, end the name with a dot.',
    );
  }

  private notePartialFailure(failures: readonly LookupFailure[], servers: readonly string[]): void {
    const text = failures.length === 0 ? '' : describeFailures(failures, servers);
    if (text === this.missing) return;
    this.missing = text;
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
