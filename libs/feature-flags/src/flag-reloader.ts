/**
 * Brings a copy up to date after something went missing: waits a moment of its own, loads everything, and tries
 * again for as long as the database is away. Knows neither flags nor the cluster.
 */
import { type Clock, describeError, type Random, type Timer } from '@rookery/runtime';

export interface ReloaderOptions {
  readonly reloadSpreadMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** What the reloader asks of its owner. */
export interface ReloaderPort {
  /** Loads everything and applies it. */
  load(): Promise<void>;
  /** Hears that {@link FlagReloader.reasons} changed. */
  changed(): void;
  warn(message: string): void;
}

/** Distinct reasons remembered one by one; a person reads them. */
const MAX_REASONS = 8;

export class FlagReloader {
  /** Reasons that came after the running load had begun: it may have read before what they speak of was written. */
  #wanted = new Set<string>();
  /** Reasons that the running load settles, or that the next try will. */
  #settling = new Set<string>();
  #waiting: (() => void)[] = [];
  #failures = 0;
  #failure: string | undefined;
  #timer: Timer | undefined;
  /** The load that is under way. */
  #loading: Promise<void> | undefined;
  #stopped = false;

  constructor(
    private readonly port: ReloaderPort,
    private readonly options: ReloaderOptions,
  ) {}

  /** Why the copy may be out of date, a sentence each; empty when it is as good as the database. */
  get reasons(): string[] {
    const reasons = new Set([...this.#settling, ...this.#wanted]);
    if (this.#failure !== undefined) reasons.add(this.#failure);
    return [...reasons];
  }

  /**
   * Loads at once, without spreading; resolves after the first try, whatever came of it. A load that was requested before
   * and is under way comes first: an older one that ended later would undo what the newer one found.
   */
  async start(reason: string): Promise<void> {
    this.#wanted.add(reason);
    while (this.#loading !== undefined) await this.#loading;
    await this.#load();
  }

  /** From now on the copy counts as out of date, until a load that begins after this call has succeeded. */
  request(reason: string): void {
    this.#wanted.add(this.#wanted.size < MAX_REASONS ? reason : 'and for other reasons');
    this.#schedule(this.#spread());
    this.port.changed();
  }

  /** Resolves when everything requested so far has been loaded; does not settle when stopped before. */
  settled(): Promise<void> {
    if (this.reasons.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #load(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#loading = this.#loadOnce();
    return this.#loading;
  }

  async #loadOnce(): Promise<void> {
    for (const reason of this.#wanted) this.#settling.add(reason);
    this.#wanted.clear();
    let pauseMs: number | undefined;
    try {
      await this.port.load();
      this.#succeeded();
    } catch (error) {
      pauseMs = this.#failed(error);
    }
    this.#loading = undefined;
    if (pauseMs !== undefined) this.#retry(pauseMs);
    else if (this.#wanted.size > 0) this.#schedule(this.#spread());
    else for (const resolve of this.#waiting.splice(0)) resolve();
    this.port.changed();
  }

  #succeeded(): void {
    this.#settling.clear();
    this.#failures = 0;
    this.#failure = undefined;
  }

  /** Notes the failure; returns how long to wait before the next try. */
  #failed(error: unknown): number {
    this.#failures++;
    this.#failure = `load-failed: ${describeError(error)}`;
    return retryPause(this.#failures, this.options);
  }

  #retry(pauseMs: number): void {
    if (this.#stopped) return;
    this.#schedule(pauseMs);
    this.port.warn(`${this.#failure}; next try (number ${this.#failures + 1}) in ${Math.round(pauseMs)} ms`);
  }

  #schedule(delayMs: number): void {
    if (this.#stopped || this.#loading !== undefined || this.#timer !== undefined) return;
    this.#timer = this.options.clock.after(delayMs, () => void this.#load());
  }

  #spread(): number {
    return this.options.random.next() * this.options.reloadSpreadMs;
  }
}

/** Doubles with every failure up to the limit; half of it is drawn at random, so that replicas drift apart. */
export function retryPause(
  failures: number,
  { retryMinMs, retryMaxMs, random }: Pick<ReloaderOptions, 'retryMinMs' | 'retryMaxMs' | 'random'>,
): number {
  const fullMs = Math.min(retryMaxMs, retryMinMs * 2 ** Math.min(failures - 1, 30));
  return (fullMs * (1 + random.next())) / 2;
}
