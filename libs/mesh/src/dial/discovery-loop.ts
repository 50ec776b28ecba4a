/** Asks every strategy, each at its own interval, and merges the answers. Strategies do not poll by themselves. */
import { addressKey, type DiscoveryContext, type DiscoveryStrategy, type PeerAddress } from 'rookery/discovery';
import { type Clock, type LogFields, type Logger, printable, type Random } from '@rookery/runtime';
import type { StrategyStats } from '../mesh-stats.js';
import { StrategyPoll } from './strategy-poll.js';

/** A name of a strategy is cut here. */
const MAX_LABEL_LENGTH = 64;

/** An address and the strategies that list it. */
export interface ListedAddress {
  readonly address: PeerAddress;
  readonly strategies: readonly string[];
}

/** What a strategy listed that cannot be dialled: whether somebody is there is not known. */
export interface UnusableEntry {
  readonly strategy: string;
  /** The entry, escaped and cut, or what else is left out. */
  readonly entry: string;
}

/** What the loop lends one strategy; the rest of its context comes from the mesh. */
export interface StrategyPort {
  changed(this: void): void;
  readonly logger: Logger;
}

export interface DiscoveryOwner {
  /**
   * All addresses that are listed now. `isComplete` when every strategy has answered since the last time that it was: whoever
   * is absent then is absent.
   */
  onListed(addresses: readonly ListedAddress[], isComplete: boolean): void;
}

export class DiscoveryLoop {
  private readonly polls: readonly StrategyPoll[];
  /** Those that were asked since all were. */
  private readonly settled = new Set<StrategyPoll>();
  private isRoundFinished = false;
  private isStopped = false;

  constructor(
    strategies: readonly DiscoveryStrategy[],
    makeContext: (strategy: StrategyPort) => DiscoveryContext,
    clock: Clock,
    random: Random,
    logger: Logger,
    private readonly owner: DiscoveryOwner,
  ) {
    const labels = strategyLabels(strategies);
    this.polls = strategies.map((strategy, index) => {
      const label = labels[index]!;
      const own = strategies.length === 1 ? logger : withFields(logger, { strategy: label });
      const poll: StrategyPoll = new StrategyPoll(
        strategy,
        label,
        (changed) => makeContext({ changed, logger: own }),
        clock,
        random,
        logger,
        () => this.onSettled(poll),
      );
      return poll;
    });
  }

  /** Whether every strategy was asked once, whatever came of it. */
  get hasFinishedRound(): boolean {
    return this.isRoundFinished;
  }

  /** Names of the strategies that never answered. */
  get unanswered(): readonly string[] {
    return this.polls.filter(({ answer }) => answer === undefined).map(({ label }) => label);
  }

  /** What the last answers list that cannot be dialled, one entry of each strategy. */
  get unusable(): readonly UnusableEntry[] {
    return this.polls.flatMap(({ label, answer }) =>
      answer?.unusable === undefined ? [] : [{ strategy: label, entry: answer.unusable }],
    );
  }

  /** What every strategy said last. */
  stats(): StrategyStats[] {
    return this.polls.map((poll) => poll.stats());
  }

  /** Starts the strategies, and asks each for the first time; later polls follow by themselves. */
  async start(): Promise<void> {
    await Promise.all(this.polls.map((poll) => poll.start()));
  }

  /** Stops asking and takes the announcements back. */
  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(this.polls.map((poll) => poll.stop()));
  }

  /** Whoever is quick is not held up by whoever is slow. */
  private onSettled(poll: StrategyPoll): void {
    if (this.isStopped) return;
    this.settled.add(poll);
    const isRound = this.settled.size === this.polls.length;
    if (isRound) {
      this.isRoundFinished = true;
      this.settled.clear();
    }
    const isKnown = this.polls.every(({ answer, failure }) => failure === undefined && answer?.unusable === undefined);
    this.owner.onListed(this.merge(), isRound && isKnown);
  }

  private merge(): ListedAddress[] {
    const merged = new Map<string, { readonly address: PeerAddress; readonly strategies: string[] }>();
    for (const { label, answer } of this.polls) {
      for (const address of answer?.addresses ?? []) {
        const key = addressKey(address);
        const listed = merged.get(key);
        if (listed === undefined) merged.set(key, { address, strategies: [label] });
        else if (!listed.strategies.includes(label)) listed.strategies.push(label);
      }
    }
    return [...merged.values()];
  }
}

/** The names of strategies, with a number where several have the same one. */
export function strategyLabels(strategies: readonly DiscoveryStrategy[]): string[] {
  const counts = new Map<string, number>();
  return strategies.map(({ name }) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const label = printable(name, MAX_LABEL_LENGTH);
    return count === 1 ? label : `${label}-${count}`;
  });
}

function withFields(logger: Logger, added: LogFields): Logger {
  return {
    debug: (message, fields) => logger.debug(message, { ...added, ...fields }),
    info: (message, fields) => logger.info(message, { ...added, ...fields }),
    warn: (message, fields) => logger.warn(message, { ...added, ...fields }),
    error: (message, fields) => logger.error(message, { ...added, ...fields }),
  };
}
