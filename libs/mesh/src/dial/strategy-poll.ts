/** Asks one strategy, again and again, and keeps what it said last. */
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
  type Logger,
  printable,
  type Random,
  type Timer,
} from '@rookery/runtime';
import type { StrategyStats } from '../mesh-stats.js';

const DEFAULT_POLL_INTERVAL_MS = 5_000;
const POLL_JITTER = 0.2;
/** A strategy that did not answer by then does not know. */
const ANSWER_TIMEOUT_MS = 10_000;
/** How long our goodbye waits for an announcement to be taken back. */
const WITHDRAW_TIMEOUT_MS = 2_000;
/** Reasons of one outage are logged this far apart. */
const RETELL_MS = 60_000;
/** Changes in quick succession are one change. */
const COALESCE_MS = 20;
/** The longest name that DNS knows. */
const MAX_HOST_LENGTH = 255;
/** No single answer may be longer. */
export const MAX_ADDRESSES = 2_000;
/** Long enough for the remedy that strategies put into their messages. */
const MAX_MESSAGE_LENGTH = 600;

/** The last answer of a strategy. */
interface Answer {
  readonly at: number;
  readonly addresses: readonly PeerAddress[];
  /** The first entry that is left out, escaped and cut. */
  readonly unusable: string | undefined;
}

export class StrategyPoll {
  answer: Answer | undefined;
  /** Why it does not know, while it does not. */
  failure: string | undefined;
  private wasToldOfUnusable = false;
  /** When a failure was logged last. */
  private toldAt = Number.NEGATIVE_INFINITY;

  private timer: Timer | undefined;
  private isPolling = false;
  private isChanged = false;
  private readonly abort = new AbortController();

  /**
   * @param label its name, told apart from that of others
   * @param makeContext what the strategy is lent; given what it must call when it notices a change
   * @param onSettled called after each time it was asked, whatever came of it
   */
  constructor(
    private readonly strategy: DiscoveryStrategy,
    readonly label: string,
    makeContext: (changed: () => void) => DiscoveryContext,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly onSettled: () => void,
  ) {
    this.context = makeContext(() => this.changed());
  }

  private readonly context: DiscoveryContext;

  /** Starts the strategy and asks it for the first time; later polls follow by themselves. */
  async start(): Promise<void> {
    await this.begin();
    await this.poll();
  }

  /** Stops asking, and takes the announcement back. */
  async stop(): Promise<void> {
    this.abort.abort();
    this.timer?.cancel();
    try {
      await this.inTime(this.strategy.withdraw?.(this.context.self), WITHDRAW_TIMEOUT_MS);
    } catch (error) {
      this.logger.warn(`Discovery ${this.label} could not withdraw: ${describe(error)}`);
    }
  }

  stats(): StrategyStats {
    const { answer, failure } = this;
    return {
      name: this.label,
      state: failure !== undefined ? 'failed' : answer === undefined ? 'waiting' : 'answered',
      addresses: (answer?.addresses ?? []).map(addressKey),
      answeredMsAgo: answer && Math.round(this.clock.now() - answer.at),
      failure,
      note: this.note(),
    };
  }

  private async begin(): Promise<void> {
    try {
      await this.inTime(this.strategy.start?.(this.context));
    } catch (error) {
      this.noteFailure(error);
    }
  }

  private changed(): void {
    if (this.abort.signal.aborted || this.isChanged) return;
    this.isChanged = true;
    // Before the first poll, or while one is under way, the next one is due anyway.
    if (this.isPolling || this.timer === undefined) return;
    this.timer.cancel();
    this.timer = this.clock.after(COALESCE_MS, () => void this.poll());
  }

  private async poll(): Promise<void> {
    if (this.abort.signal.aborted) return;
    this.isPolling = true;
    this.isChanged = false;
    await this.ask();
    this.isPolling = false;
    if (this.abort.signal.aborted) return;
    this.onSettled();
    const jitter = 1 + POLL_JITTER * (2 * this.random.next() - 1);
    const intervalMs = this.strategy.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS;
    this.timer = this.clock.after(this.isChanged ? COALESCE_MS : intervalMs * jitter, () => void this.poll());
  }

  private async ask(): Promise<void> {
    const abort = new AbortController();
    const stop = (): void => abort.abort();
    this.abort.signal.addEventListener('abort', stop);
    const timer = this.clock.after(ANSWER_TIMEOUT_MS, stop);
    try {
      await this.inTime(this.strategy.announce?.(this.context.self, abort.signal));
      this.answer = this.usable(await this.inTime(this.strategy.discover(abort.signal)));
      if (this.failure !== undefined) this.logger.info(`Discovery ${this.label} answers again.`);
      this.failure = undefined;
    } catch (error) {
      if (!this.abort.signal.aborted) this.noteFailure(error);
    } finally {
      timer.cancel();
      this.abort.signal.removeEventListener('abort', stop);
    }
  }

  /** A strategy that never settles must hold up neither its next poll nor our goodbye. */
  private inTime<T>(promise: Promise<T> | T, timeoutMs = ANSWER_TIMEOUT_MS): Promise<T> {
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
  private usable(answer: unknown): Answer {
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
    if (unusable !== undefined && !this.wasToldOfUnusable) {
      this.logger.warn(
        `Discovery ${this.label} answered with ${unusable}, ${problem}: whether a member listens there is not known, ` +
          'and freshness() says so. Mend what the strategy lists.',
      );
    }
    this.wasToldOfUnusable = unusable !== undefined;
    return { at: this.clock.now(), addresses, unusable };
  }

  /** Says so once for each reason: the last answer stays in force, so nothing else changes. */
  private noteFailure(error: unknown): void {
    const now = this.clock.now();
    const why = describe(error);
    // Another reason is news as well, though some change with every try.
    const isNews = this.failure === undefined || (this.failure !== why && now - this.toldAt >= RETELL_MS);
    this.failure = why;
    if (!isNews) return;
    this.toldAt = now;
    this.logger.warn(`Discovery ${this.label} failed, the last known addresses stay in use: ${this.failure}`);
  }

  /** What the strategy has to explain; one that breaks its promise not to throw has nothing. */
  private note(): string | undefined {
    try {
      const note: unknown = this.strategy.explain?.();
      return typeof note === 'string' ? printable(note, MAX_MESSAGE_LENGTH) : undefined;
    } catch (error) {
      return `explain() failed: ${describe(error)}`;
    }
  }
}

/** A copy of an entry that can be dialled: what is behind a getter may be something else, or throw, when it is read again. */
function diallable(entry: unknown): PeerAddress | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const { host, port } = entry as Partial<PeerAddress>;
  if (typeof host !== 'string' || host === '' || host.length > MAX_HOST_LENGTH) return undefined;
  // No host has such a name, and it would speak to the terminal of whoever reads the log.
  if (/\s/u.test(host) || printable(host, MAX_HOST_LENGTH) !== host) return undefined;
  if (!Number.isInteger(port) || port! < 1 || port! > 0xffff) return undefined;
  return { host: normalizeHost(host), port: port! };
}

function describe(error: unknown): string {
  return printable(describeError(error), MAX_MESSAGE_LENGTH);
}
