/** Asks every strategy, again and again, and merges the answers. The only poll loop: strategies hold no timer. */
import { addressKey, type DiscoveryContext, type DiscoveryStrategy, type PeerAddress } from 'rookery/discovery';
import { type Clock, describeError, type Logger, printable, type Random, type Timer } from '@rookery/runtime';

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
  private readonly complainedAbout = new Set<DiscoveryStrategy>();
  private readonly intervalMs: number;
  private timer: Timer | undefined;
  private isPolling = false;
  private isChanged = false;
  private abort = new AbortController();
  private rounds = 0;

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

  /** Whether every strategy was asked once, whatever came of it. */
  get hasFinishedRound(): boolean {
    return this.rounds > 0;
  }

  /** Names of the strategies that never answered. */
  get unanswered(): readonly string[] {
    return this.strategies.filter((strategy) => !this.answers.has(strategy)).map(({ name }) => name);
  }

  /** Starts the strategies and asks them for the first time; later rounds follow by themselves. */
  async start(): Promise<void> {
    for (const strategy of this.strategies) {
      try {
        await this.inTime(strategy.start?.(this.context));
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
          await this.inTime(strategy.withdraw?.(this.context.self), WITHDRAW_TIMEOUT_MS);
        } catch (error) {
          this.logger.warn(`Discovery ${strategy.name} could not withdraw: ${describe(error)}`);
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
      await this.inTime(strategy.announce?.(this.context.self, abort.signal));
      const answer = await this.inTime(strategy.discover(abort.signal));
      this.answers.set(strategy, this.usable(strategy, answer));
      if (this.failing.delete(strategy)) this.logger.info(`Discovery ${strategy.name} answers again.`);
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

  /** The addresses of an answer that can be dialled; a strategy that gives others is told once. */
  private usable(strategy: DiscoveryStrategy, answer: unknown): PeerAddress[] {
    if (!Array.isArray(answer)) throw new Error('its answer is no list of addresses');
    const addresses = answer.slice(0, MAX_ADDRESSES).filter(isDiallable);
    const problem =
      answer.length > MAX_ADDRESSES
        ? `more than ${MAX_ADDRESSES} addresses, the rest is left out`
        : addresses.length < answer.length
          ? 'an address that is not { host, port } with a host that is a text and a port from 1 to 65535; it is left out'
          : undefined;
    if (problem !== undefined && !this.complainedAbout.has(strategy)) {
      this.complainedAbout.add(strategy);
      this.logger.warn(`Discovery ${strategy.name} answered with ${problem}.`);
    }
    return addresses;
  }

  /** Says so once per outage: the last answer stays in force, so nothing else changes. */
  private noteFailure(strategy: DiscoveryStrategy, error: unknown): void {
    if (this.failing.has(strategy)) return;
    this.failing.add(strategy);
    this.logger.warn(`Discovery ${strategy.name} failed, the last known addresses stay in use: ${describe(error)}`);
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

function isDiallable(value: unknown): value is PeerAddress {
  if (typeof value !== 'object' || value === null) return false;
  const { host, port } = value as Partial<PeerAddress>;
  if (typeof host !== 'string' || host === '' || host.length > MAX_HOST_LENGTH) return false;
  return Number.isInteger(port) && port! >= 1 && port! <= 0xffff;
}

/** Long enough for the remedy that strategies put into their messages. */
const MAX_MESSAGE_LENGTH = 600;

function describe(error: unknown): string {
  return printable(describeError(error), MAX_MESSAGE_LENGTH);
}
