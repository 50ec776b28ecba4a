/** The flags as an application reads them: from the memory of its own process, kept current by the cluster. */
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { describeError, silentLogger, steadyLogger } from '@rookery/runtime';
import { Cluster, type Gap, OnClusterEvent, OnClusterGap } from 'rookery';
import { type Observable, Subject } from 'rxjs';
import { FlagsError } from './errors.js';
import type { ResolvedFeatureFlagsOptions } from './feature-flags.options.js';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import { type Flag, type FlagChanged, flagOf, type FlagRecord, isFlagRecord } from './flag.js';
import { FlagCache } from './flag-cache.js';
import { FlagReloader } from './flag-reloader.js';
import { KeyedReads } from './keyed-reads.js';
import { FlagStore } from './flag-store.js';

/** How good the copy of this process is right now. */
export interface FlagsStatus {
  /** Whether a change may exist that this process has not seen. What it serves meanwhile is a matter of `whenStale`. */
  readonly stale: boolean;
  /**
   * One text per reason, for those who run this: it names hosts. It begins with a word and a colon: `not-loaded`, `gap`,
   * `load-failed`, `unknown-write`, `dropped`, or one of the cluster's own. Empty when not stale.
   */
  readonly reasons: readonly string[];
  /** When the whole table was last loaded, ISO 8601; null until it first was. */
  readonly loadedAt: string | null;
}

/** What {@link FeatureFlagsService.read} found. */
export interface FlagReading {
  /** Whether the flag is on; the caller's fallback where there is no such flag, or nothing that may be served. */
  readonly enabled: boolean;
  /** Undefined where there is none, or nothing that may be served. */
  readonly flag: Flag | undefined;
  /** Where the answer comes from; `fallback` when neither memory nor the database may or can answer. */
  readonly source: 'memory' | 'database' | 'fallback';
  /** Whether a change may exist that this answer does not know of. */
  readonly stale: boolean;
}

/** A database that says nothing holds the start up for this long; then the application serves without. */
const START_PATIENCE_MS = 2_000;

@Injectable()
export class FeatureFlagsService implements OnModuleInit, OnModuleDestroy {
  /** The flags are kept current whatever the logger of the application does. */
  readonly #logger = warningsTo(new Logger(FeatureFlagsService.name));
  readonly #cache = new FlagCache();
  readonly #changes = new Subject<void>();
  readonly #reloader: FlagReloader;
  readonly #reads: KeyedReads<FlagRecord | undefined>;
  #loadedAt: string | null = null;
  /** With `flush`: what was held when the copy went stale is gone, and nothing may be served before it is not stale any more. */
  #isDropped = false;
  /** Whether the last read from the database failed: an outage is told once. */
  #isReadFailing = false;

  constructor(
    private readonly cluster: Cluster,
    private readonly store: FlagStore,
    @Inject(FEATURE_FLAGS_OPTIONS) private readonly options: ResolvedFeatureFlagsOptions,
  ) {
    this.#reloader = new FlagReloader(
      {
        load: () => this.#loadAll(),
        changed: () => this.#changes.next(),
        warn: (message) => this.#logger.warn(`The flags may be out of date: ${message}.`),
      },
      options,
    );
    this.#reads = new KeyedReads((key) => this.store.one(key), options);
  }

  /**
   * Emits after a flag changed here, and when loading began to be needed, failed or succeeded; read again what you
   * use. The cluster's freshness runs out without an event: ask {@link status} now and then.
   */
  get changes(): Observable<void> {
    return this.#changes.asObservable();
  }

  /** Whether the flag is on, from memory. A flag that does not exist, or may not be served, counts as `fallback`. */
  isEnabled(key: string, fallback = false): boolean {
    return this.get(key)?.enabled ?? fallback;
  }

  /** A flag, from memory; undefined where there is none, or where `flush` forbids to serve it. */
  get(key: string): Flag | undefined {
    return this.#mayServe() ? this.#cache.get(key) : undefined;
  }

  /** All flags, by key, from memory; empty where `flush` forbids to serve them. */
  list(): Flag[] {
    return this.#mayServe() ? this.#cache.list() : [];
  }

  /**
   * A flag, answered as `whenStale` says. Never rejects. While the copy is not stale, and with `serve` always, it is the
   * answer of memory.
   *
   * @param fallback what a flag counts as that does not exist, or of which nothing may be served. @default false
   * @example
   * const { enabled, stale } = await flags.read('checkout-v2');
   */
  async read(key: string, fallback = false): Promise<FlagReading> {
    const { whenStale } = this.options;
    const { stale } = this.status();
    if (!stale || whenStale === 'serve') return reading(this.get(key), 'memory', stale, fallback);
    this.#dropIfForbidden(stale);
    try {
      const newest = this.#take(key, await this.#reads.read(key));
      this.#isReadFailing = false;
      return reading(flagOf(newest), 'database', false, fallback);
    } catch (error) {
      this.#tellReadFailure(error);
      if (whenStale === 'flush') return reading(undefined, 'fallback', true, fallback);
      return reading(this.#cache.get(key), 'memory', true, fallback);
    }
  }

  /** What is held for a key, also when it was deleted, and whatever `whenStale` says: for writers, not for serving. */
  record(key: string): FlagRecord | undefined {
    return this.#cache.record(key);
  }

  /** Keys known, deleted ones included. */
  get size(): number {
    return this.#cache.size;
  }

  /** Whether the copy can be trusted to be current: what it missed itself, and what the cluster cannot prove. */
  status(): FlagsStatus {
    const { fresh, reasons: unproven } = this.cluster.freshness();
    const missed = this.#reloader.reasons;
    return { stale: missed.length > 0 || !fresh, reasons: [...missed, ...unproven], loadedAt: this.#loadedAt };
  }

  /** Takes a record that this very process has written, so that it reads its own writes at once. */
  apply(record: FlagRecord): void {
    if (this.#cache.apply(record)) this.#changes.next();
  }

  /** Counts as out of date from now on, and resolves when everything was loaded anew; does not settle when the application ends before. */
  reload(reason: string): Promise<void> {
    this.#reloader.request(reason);
    return this.#reloader.settled();
  }

  /**
   * The first load comes before the cluster starts: the window of a sender replays to a newcomer what was published
   * since the newcomer's process began, so nothing falls between this load and the first event.
   */
  async onModuleInit(): Promise<void> {
    const loaded = this.#reloader.start('not-loaded: the flags have not been loaded yet');
    const patience = new Promise<void>((resolve) => void this.options.clock.after(START_PATIENCE_MS, resolve));
    await Promise.race([loaded, patience]);
  }

  onModuleDestroy(): void {
    this.#reloader.stop();
  }

  @OnClusterEvent('flag.changed')
  onFlagChanged(change: FlagChanged): void {
    // Refusing it aloud makes the publisher count this node as failed, not as confirmed.
    if (!isFlagRecord(change))
      throw new FlagsError('FLAGS_INVALID_EVENT', 'A flag.changed event has not the shape of a flag.');
    this.apply(change);
  }

  @OnClusterGap('flag.*')
  onGap({ from, reason }: Gap): void {
    this.#reloader.request(`gap: changes made by ${from.name} may be missing (${reason})`);
  }

  /** Whether memory may answer. With `flush` not while the copy is stale; the first question then drops what is held. */
  #mayServe(): boolean {
    if (this.options.whenStale !== 'flush') return true;
    const { stale } = this.status();
    this.#dropIfForbidden(stale);
    return !stale;
  }

  /** The cluster's freshness runs out without an event, so whoever reads notices. */
  #dropIfForbidden(stale: boolean): void {
    if (this.options.whenStale !== 'flush') return;
    if (!stale) this.#isDropped = false;
    else if (!this.#isDropped && !this.#cache.isEmpty) {
      this.#isDropped = true;
      this.#cache.drop();
      // Stale until everything was loaded anew, even if the cluster is fresh again before.
      this.#reloader.request('dropped: what was held went out of date and was dropped');
    }
  }

  /** An event that came while the database was read is newer than what was read, and stays. */
  #take(key: string, found: FlagRecord | undefined): FlagRecord | undefined {
    const before = this.#cache.record(key);
    const newest = this.#cache.take(key, found);
    if (newest !== before) this.#changes.next();
    return newest;
  }

  #tellReadFailure(error: unknown): void {
    if (this.#isReadFailing) return;
    this.#isReadFailing = true;
    const instead = this.options.whenStale === 'flush' ? 'with its fallback' : 'from memory';
    this.#logger.warn(
      `A flag that may be out of date could not be read from the database, and is answered ${instead}: ${describeError(error)}`,
    );
  }

  async #loadAll(): Promise<void> {
    this.#cache.load(await this.store.all());
    this.#loadedAt = new Date(this.options.clock.wallNow()).toISOString();
  }
}

function warningsTo(logger: Logger): { warn(message: string): void } {
  return steadyLogger({ ...silentLogger, warn: (message) => logger.warn(message) });
}

function reading(
  flag: Flag | undefined,
  source: FlagReading['source'],
  stale: boolean,
  fallback: boolean,
): FlagReading {
  return { enabled: flag?.enabled ?? fallback, flag, source, stale };
}
