/** The flags as an application reads them: from the memory of its own process, kept current by the cluster. */
import { Inject, Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Cluster, type Gap, OnClusterEvent, OnClusterGap } from 'rookery';
import { type Observable, Subject } from 'rxjs';
import { FlagsError } from './errors.js';
import type { ResolvedFeatureFlagsOptions } from './feature-flags.options.js';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import { type Flag, type FlagChanged, flagOf, type FlagRecord, isFlagRecord } from './flag.js';
import { FlagCache } from './flag-cache.js';
import { FlagReloader } from './flag-reloader.js';
import { FlagStore } from './flag-store.js';

/** How good the copy of this process is right now. */
export interface FlagsStatus {
  /** Whether a change may exist that this process has not seen. It keeps serving what it has. */
  readonly stale: boolean;
  /** One sentence per reason; empty when not stale. */
  readonly reasons: readonly string[];
  /** When the whole table was last loaded, ISO 8601; null until it first was. */
  readonly loadedAt: string | null;
}

/** A database that says nothing holds the start up for this long; then the application serves without. */
const START_PATIENCE_MS = 2_000;

@Injectable()
export class FeatureFlagsService implements OnModuleInit, OnModuleDestroy {
  readonly #logger = new Logger(FeatureFlagsService.name);
  readonly #cache = new FlagCache();
  readonly #changes = new Subject<void>();
  readonly #reloader: FlagReloader;
  #loadedAt: string | null = null;

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
  }

  /**
   * Emits after a flag changed here, and when loading began to be needed, failed or succeeded; read again what you
   * use. The cluster's freshness runs out without an event: ask {@link status} now and then.
   */
  get changes(): Observable<void> {
    return this.#changes.asObservable();
  }

  /** Whether the flag is on. A flag that does not exist counts as `fallback`. */
  isEnabled(key: string, fallback = false): boolean {
    const record = this.record(key);
    return record === undefined || record.deleted ? fallback : record.enabled;
  }

  get(key: string): Flag | undefined {
    return flagOf(this.record(key));
  }

  /** All flags, by key. */
  list(): Flag[] {
    return this.#cache.list();
  }

  /** What is held for a key, also when it was deleted. Every read of one key passes here, stale or not. */
  record(key: string): FlagRecord | undefined {
    return this.#cache.record(key);
  }

  /** Keys held, deleted ones included. */
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
    const loaded = this.#reloader.start('the flags have not been loaded yet');
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
    this.#reloader.request(`changes made by ${from.name} may be missing (${reason})`);
  }

  async #loadAll(): Promise<void> {
    this.#cache.load(await this.store.all());
    this.#loadedAt = new Date(this.options.clock.wallNow()).toISOString();
  }
}
