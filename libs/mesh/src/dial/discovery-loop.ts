/** Asks every strategy, again and again, and merges the answers. The only poll loop: strategies hold no timer. */
import { addressKey, type DiscoveryContext, type DiscoveryStrategy, type PeerAddress } from 'rookery/discovery';
import { type Clock, type Logger, printable, type Random, type Timer } from '@rookery/runtime';

const DEFAULT_POLL_INTERVAL_MS = 5_000;
const POLL_JITTER = 0.2;
/** A strategy that did not answer by then does not know. */
const DISCOVER_TIMEOUT_MS = 10_000;
/** Changes in quick succession are one change. */
const COALESCE_MS = 20;
/** No single answer may be longer. */
const MAX_ADDRESSES = 2_000;

/** An address and the strategy that listed it. */
export interface ListedAddress {
  readonly address: PeerAddress;
  readonly strategy: string;
}

export interface DiscoveryOwner {
  /** All addresses that are listed now. `isComplete` is false while a strategy does not know: absence proves nothing then. */
  onListed(addresses: readonly ListedAddress[], isComplete: boolean): void;
}

export class DiscoveryLoop {
  private readonly answers = new Map<DiscoveryStrategy, readonly PeerAddress[]>();
  private readonly failing = new Set<DiscoveryStrategy>();
  private readonly intervalMs: number;
  private timer: Timer | undefined;
  private isPolling = false;
  private isChanged = false;
  private abort = new AbortController();
  private hasFinishedRound = false;

  constructor(
    private readonly strategies: readonly DiscoveryStrategy[],
    private readonly makeContext: (changed: () => void) => DiscoveryContext,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly logger: Logger,
    private readonly owner: DiscoveryOwner,
  ) {
    this.intervalMs = Math.min(...strategies.map((strategy) => strategy.pollIntervalMs ?? DEFAULT_POLL_INTERVAL_MS));
    this.context = makeContext(() => this.changed());
  }

  private readonly context: DiscoveryContext;

  /** Whether every strategy was asked once, whatever it said. */
  get hasAnswered(): boolean {
    return this.hasFinishedRound;
  }

  /** Starts the strategies and asks them for the first time; later rounds follow by themselves. */
  async start(): Promise<void> {
    for (const strategy of this.strategies) {
      try {
        await strategy.start?.(this.context);
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
          await strategy.withdraw?.(this.context.self);
        } catch (error) {
          this.logger.warn(`Discovery ${strategy.name} could not withdraw: ${message(error)}`);
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
    await Promise.all(this.strategies.map((strategy) => this.ask(strategy)));
    this.isPolling = false;
    if (this.abort.signal.aborted) return;
    this.hasFinishedRound = true;
    this.owner.onListed(this.merge(), this.answers.size === this.strategies.length && this.failing.size === 0);
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
      await strategy.announce?.(this.context.self, abort.signal);
      const answer = await untilAborted(strategy.discover(abort.signal), abort.signal);
      this.answers.set(strategy, answer.slice(0, MAX_ADDRESSES));
      if (this.failing.delete(strategy)) this.logger.info(`Discovery ${strategy.name} answers again.`);
    } catch (error) {
      if (!this.abort.signal.aborted) this.noteFailure(strategy, error);
    } finally {
      timer.cancel();
      this.abort.signal.removeEventListener('abort', stop);
    }
  }

  /** Says so once per outage: the last answer stays in force, so nothing else changes. */
  private noteFailure(strategy: DiscoveryStrategy, error: unknown): void {
    if (this.failing.has(strategy)) return;
    this.failing.add(strategy);
    this.logger.warn(`Discovery ${strategy.name} failed, the last known addresses stay in use: ${message(error)}`);
  }

  private merge(): ListedAddress[] {
    const merged = new Map<string, ListedAddress>();
    for (const [strategy, addresses] of this.answers) {
      for (const address of addresses) {
        const key = addressKey(address);
        if (!merged.has(key)) merged.set(key, { address, strategy: strategy.name });
      }
    }
    return [...merged.values()];
  }
}

/** A strategy that ignores its signal must not hold the others up. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error(`no answer within ${DISCOVER_TIMEOUT_MS} ms`));
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

/** Long enough for the remedy that strategies put into their messages. */
const MAX_MESSAGE_LENGTH = 600;

function message(error: unknown): string {
  return printable(error instanceof Error ? error.message : String(error), MAX_MESSAGE_LENGTH);
}
