/** Asks every strategy, again and again, and merges the answers. The only poll loop: strategies hold no timer. */
import {
  addressKey,
  type DiscoveryContext,
  type DiscoveryStrategy,
  normalizeHost,
  type PeerAddress,
} from 'rookery/discovery';
import {
  type Clock,
  describeError,
  describeValue,
  type LogFields,
  type Logger,
  printable,
  type Random,
  type Timer,
} from '@rookery/runtime';
import type { StrategyStats } from '../mesh-stats.js';

const DEFAULT_POLL_INTERVAL_MS = 5_000;
const POLL_JITTER = 0.2;
/** A strategy that did not answer by then does not know. */
const DISCOVER_TIMEOUT_MS = 10_000;
/** How long our goodbye waits for an announcement to be taken back. */
const WITHDRAW_TIMEOUT_MS = 2_000;
/** Changes in quick succession are one change. */
const COALESCE_MS = 20;
/** The longest name that DNS knows. */
const MAX_HOST_LENGTH = 255;
/** A name of a strategy is cut here. */
const MAX_LABEL_LENGTH = 64;
/** No single answer may be longer. */
export const MAX_ADDRESSES = 2_000;

/** An address and the strategies that list it. */
export interface ListedAddress {
  readonly address: PeerAddress;
  readonly strategies: readonly string[];
}

/** What the loop lends one strategy; the rest of its context comes from the mesh. */
export interface StrategyPort {
  changed(this: void): void;
  readonly logger: Logger;
}

/** What a strategy listed that cannot be dialled: whether somebody is there is not known. */
export interface UnusableEntry {
  readonly strategy: string;
  /** The entry, escaped and cut, or what else is left out. */
  readonly entry: string;
}

/** The last answer of a strategy. */
interface Answer {
  readonly at: number;
  readonly addresses: readonly PeerAddress[];
  /** The first entry that is left out, escaped and cut. */
  readonly unusable: string | undefined;
}

export interface DiscoveryOwner {
  /** All addresses that are listed now. `isComplete` is false while a strategy does not know: absence proves nothing then. */
  onListed(addresses: readonly ListedAddress[], isComplete: boolean): void;
}

export class DiscoveryLoop {
  private readonly answers = new Map<DiscoveryStrategy, Answer>();
  /** Those that do not know, and why. */
  private readonly failing = new Map<DiscoveryStrategy, string>();
  private readonly complainedAbout = new Set<DiscoveryStrategy>();
  private readonly intervalMs: number;
  private readonly labels = new Map<DiscoveryStrategy, string>();
  private readonly contexts = new Map<DiscoveryStrategy, DiscoveryContext>();
  private timer: Timer | undefined;
  private isPolling = false;
  private isChanged = false;
  private abort = new AbortController();
  private rounds = 0;

  constructor(
    private readonly strategies: readonly DiscoveryStrategy[],
    makeContext: (strategy: StrategyPort) => DiscoveryContext,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly owner: DiscoveryOwner,
  ) {
    this.intervalMs = Math.min(...strategies.map((strategy) => strategy.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS));
    const labels = strategyLabels(strategies);
    const isAlone = strategies.length === 1;
    const changed = (): void => this.changed();
    strategies.forEach((strategy, index) => {
      const label = labels[index]!;
      this.labels.set(strategy, label);
      const own = isAlone ? logger : withFields(logger, { strategy: label });
      this.contexts.set(strategy, makeContext({ changed, logger: own }));
    });
  }

  /** Whether every strategy was asked once, whatever came of it. */
  get hasFinishedRound(): boolean {
    return this.rounds > 0;
  }

  /** Names of the strategies that never answered. */
  get unanswered(): readonly string[] {
    return this.strategies.filter((strategy) => !this.answers.has(strategy)).map((strategy) => this.label(strategy));
  }

  /** What the last answers list that cannot be dialled, one entry of each strategy. */
  get unusable(): readonly UnusableEntry[] {
    const entries: UnusableEntry[] = [];
    for (const [strategy, { unusable }] of this.answers) {
      if (unusable !== undefined) entries.push({ strategy: this.label(strategy), entry: unusable });
    }
    return entries;
  }

  /** What every strategy said last. */
  stats(): StrategyStats[] {
    const now = this.clock.now();
    return this.strategies.map((strategy) => {
      const answer = this.answers.get(strategy);
      const failure = this.failing.get(strategy);
      return {
        name: this.label(strategy),
        state: failure !== undefined ? 'failed' : answer === undefined ? 'waiting' : 'answered',
        addresses: (answer?.addresses ?? []).map(addressKey),
        answeredMsAgo: answer && Math.round(now - answer.at),
        failure,
        note: noteOf(strategy),
      };
    });
  }

  private label(strategy: DiscoveryStrategy): string {
    return this.labels.get(strategy)!;
  }

  private contextOf(strategy: DiscoveryStrategy): DiscoveryContext {
    return this.contexts.get(strategy)!;
  }

  /** Whether whoever is not listed is absent: every strategy answered, and with nothing but addresses. */
  private get isComplete(): boolean {
    return this.answers.size === this.strategies.length && this.failing.size === 0 && this.unusable.length === 0;
  }

  /** Starts the strategies and asks them for the first time; later rounds follow by themselves. */
  async start(): Promise<void> {
    for (const strategy of this.strategies) {
      try {
        await this.inTime(strategy.start?.(this.contextOf(strategy)));
      } catch (error) {
        this.noteFailure(strategy, error);
      }
    }
    await this.poll();
  }

  /** Stops asking and takes the announcements back. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.timer?.cancel();
    await Promise.all(
      this.strategies.map(async (strategy) => {
        try {
          await this.inTime(strategy.withdraw?.(this.contextOf(strategy).self), WITHDRAW_TIMEOUT_MS);
        } catch (error) {
          this.logger.warn(`Discovery ${this.label(strategy)} could not withdraw: ${describe(error)}`);
        }
      }),
    );
  }

  private changed(): void {
    if (this.abort.signal.aborted || this.isChanged) return;
    this.isChanged = true;
    if (this.isPolling) return;
    this.timer?.cancel();
    this.timer = this.clock.after(COALESCE_MS, () => void this.poll());
  }

  private async poll(): Promise<void> {
    this.isPolling = true;
    this.isChanged = false;
    await Promise.all(
      this.strategies.map(async (strategy) => {
        await this.ask(strategy);
        // Whoever is quick is not held up by whoever is slow.
        if (this.strategies.length > 1 && !this.abort.signal.aborted) this.owner.onListed(this.merge(), false);
      }),
    );
    this.isPolling = false;
    if (this.abort.signal.aborted) return;
    this.rounds++;
    this.owner.onListed(this.merge(), this.isComplete);
    const jitter = 1 + POLL_JITTER * (2 * this.random.next() - 1);
    const delayMs = this.isChanged ? COALESCE_MS : this.intervalMs * jitter;
    this.timer = this.clock.after(delayMs, () => void this.poll());
  }

  private async ask(strategy: DiscoveryStrategy): Promise<void> {
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    this.abort.signal.addEventListener('abort', stop);
    const timer = this.clock.after(DISCOVER_TIMEOUT_MS, stop);
    try {
      await this.inTime(strategy.announce?.(this.contextOf(strategy).self, abort.signal));
      const answer = await this.inTime(strategy.discover(abort.signal));
      this.answers.set(strategy, this.usable(strategy, answer));
      if (this.failing.delete(strategy)) this.logger.info(`Discovery ${this.label(strategy)} answers again.`);
    } catch (error) {
      if (!this.abort.signal.aborted) this.noteFailure(strategy, error);
    } finally {
      timer.cancel();
      this.abort.signal.removeEventListener('abort', stop);
    }
  }

  /** A strategy that never settles must hold up neither the others nor our goodbye. */
  private inTime<T>(promise: Promise<T> | T, timeoutMs = DISCOVER_TIMEOUT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const { signal } = this.abort;
      const timer = this.clock.after(timeoutMs, () => reject(new Error(`no answer within ${timeoutMs} ms`)));
      // What is withdrawn is withdrawn after the end.
      const onAbort = signal.aborted ? undefined : (): void => reject(new Error('the node leaves'));
      if (onAbort !== undefined) signal.addEventListener('abort', onAbort, { once: true });
      Promise.resolve(promise)
        .then(resolve, reject)
        .finally(() => {
          timer.cancel();
          if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
        });
    });
  }

  /** What can be dialled of an answer; a strategy that gives anything else is told once, until it does not any more. */
  private usable(strategy: DiscoveryStrategy, answer: unknown): Answer {
    if (!Array.isArray(answer)) throw new Error('its answer is no list of addresses');
    const entries: unknown[] = answer.slice(0, MAX_ADDRESSES);
    const addresses: PeerAddress[] = [];
    let unusable: string | undefined;
    let problem = 'which is not { host, port } with a host that is a text and a port from 1 to 65535';
    for (const entry of entries) {
      const address = diallable(entry);
      if (address !== undefined) addresses.push(address);
      else unusable ??= describeValue(entry);
    }
    if (unusable === undefined && answer.length > MAX_ADDRESSES) {
      unusable = `more than ${MAX_ADDRESSES} addresses`;
      problem = 'and the rest of them is left out';
    }
    if (unusable === undefined) this.complainedAbout.delete(strategy);
    else if (!this.complainedAbout.has(strategy)) {
      this.complainedAbout.add(strategy);
      this.logger.warn(
        `Discovery ${this.label(strategy)} answered with ${unusable}, ${problem}: whether a member listens there is not known, ` +
          'and freshness() says so. Mend what the strategy lists.',
      );
    }
    return { at: this.clock.now(), addresses, unusable };
  }

  /** Says so once per outage: the last answer stays in force, so nothing else changes. */
  private noteFailure(strategy: DiscoveryStrategy, error: unknown): void {
    const isNews = !this.failing.has(strategy);
    const why = describe(error);
    this.failing.set(strategy, why);
    if (!isNews) return;
    this.logger.warn(`Discovery ${this.label(strategy)} failed, the last known addresses stay in use: ${why}`);
  }

  private merge(): ListedAddress[] {
    const merged = new Map<string, { readonly address: PeerAddress; readonly strategies: string[] }>();
    for (const [strategy, { addresses }] of this.answers) {
      const label = this.label(strategy);
      for (const address of addresses) {
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

/** What a strategy has to explain; one that breaks its promise not to throw has nothing. */
function noteOf(strategy: DiscoveryStrategy): string | undefined {
  try {
    const note: unknown = strategy.explain?.();
    return typeof note === 'string' ? printable(note, MAX_MESSAGE_LENGTH) : undefined;
  } catch (error) {
    return `explain() failed: ${describe(error)}`;
  }
}

function withFields(logger: Logger, added: LogFields): Logger {
  return {
    debug: (message, fields) => logger.debug(message, { ...added, ...fields }),
    info: (message, fields) => logger.info(message, { ...added, ...fields }),
    warn: (message, fields) => logger.warn(message, { ...added, ...fields }),
    error: (message, fields) => logger.error(message, { ...added, ...fields }),
  };
}

/** A copy of an entry that can be dialled: what is behind a getter may be something else, or throw, when it is read again. */
function diallable(entry: unknown): PeerAddress | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { host, port } = entry as Partial<PeerAddress>;
  if (typeof host !== 'string' || host === '' || host.length > MAX_HOST_LENGTH) return undefined;
  return Number.isInteger(port) && port! >= 1 && port! <= 0xffff
    ? { host: normalizeHost(host), port: port! }
    : undefined;
}

/** Long enough for the remedy that strategies put into their messages. */
const MAX_MESSAGE_LENGTH = 600;

function describe(error: unknown): string {
  return printable(describeError(error), MAX_MESSAGE_LENGTH);
}
