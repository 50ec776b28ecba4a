/**
 * Reads of single keys from somewhere slow: once for all who ask for a key, a few at a time, each caller within a deadline.
 * Knows neither flags nor the database.
 *
 * A caller shares a read only if that has not begun yet. One that runs already may have looked before the caller asked, and
 * would then answer with less than was written by then.
 */
import type { Clock } from '@rookery/runtime';
import { FlagsError } from './errors.js';

export interface KeyedReadsOptions {
  /** Reads that run at the same time. */
  readonly maxStaleReads: number;
  /** Callers that may wait at the same time; further ones are refused at once. */
  readonly maxStaleReaders: number;
  /** How long a caller waits, its turn included. */
  readonly staleReadTimeoutMs: number;
  readonly clock: Clock;
}

/** A read that has not begun. */
interface Pending<T> {
  readonly result: Promise<T>;
  readonly begin: () => Promise<void>;
  /** Callers that still wait for it. */
  callers: number;
}

export class KeyedReads<T> {
  /** By key, in the order in which they were asked for. */
  readonly #pending = new Map<string, Pending<T>>();
  readonly #running = new Set<string>();
  #callers = 0;

  /** @param load reads one key; may take as long as it likes, and holds its place for so long */
  constructor(
    private readonly load: (key: string) => Promise<T>,
    private readonly options: KeyedReadsOptions,
  ) {}

  /**
   * What a read that begins after this call finds.
   * @throws FlagsError `FLAGS_NOT_READ` when it is not there in time, or too many wait already; and whatever the read throws
   */
  async read(key: string): Promise<T> {
    const { clock, maxStaleReaders, staleReadTimeoutMs } = this.options;
    if (this.#callers >= maxStaleReaders) throw notRead(key, `${maxStaleReaders} callers wait already`);
    const pending = this.#pending.get(key) ?? this.#enqueue(key);
    this.#callers++;
    pending.callers++;
    this.#beginSome();
    try {
      return await new Promise<T>((resolve, reject) => {
        const timer = clock.after(staleReadTimeoutMs, () =>
          reject(notRead(key, `no answer within ${staleReadTimeoutMs} ms`)),
        );
        pending.result.then(resolve, reject).finally(() => timer.cancel());
      });
    } finally {
      this.#callers--;
      // Nobody waits for it any more: a database that just recovers is not asked for what nobody wants.
      if (--pending.callers === 0 && this.#pending.get(key) === pending) this.#pending.delete(key);
    }
  }

  #enqueue(key: string): Pending<T> {
    let settle!: { resolve(value: T): void; reject(error: unknown): void };
    const result = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
    result.catch(() => undefined); // Whoever still waits hears of it; that nobody does is no fault.
    const begin = async (): Promise<void> => {
      try {
        settle.resolve(await this.load(key));
      } catch (error) {
        settle.reject(error);
      }
    };
    const pending: Pending<T> = { result, begin, callers: 0 };
    this.#pending.set(key, pending);
    return pending;
  }

  #beginSome(): void {
    for (const [key, { begin }] of this.#pending) {
      if (this.#running.size >= this.options.maxStaleReads) return;
      if (this.#running.has(key)) continue;
      this.#pending.delete(key);
      this.#running.add(key);
      void begin().then(() => {
        this.#running.delete(key);
        this.#beginSome();
      });
    }
  }
}

function notRead(key: string, why: string): FlagsError {
  return new FlagsError('FLAGS_NOT_READ', `The flag ${JSON.stringify(key)} was not read from the database: ${why}.`);
}
