/**
 * The connection to the flags' database: opened when first needed, and again after anything went wrong with it.
 *
 * `@nestjs/typeorm` would open it while the application starts and end the start when it cannot. Here an application
 * must start, and serve what it holds, while its database is away.
 */
import { access } from 'node:fs/promises';
import { type Clock, describeError, type Random } from '@rookery/runtime';
import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { type DataSource, QueryFailedError } from 'typeorm';
import { FlagsDatabaseError, type StatementOutcome } from './errors.js';
import { FEATURE_FLAGS_OPTIONS } from './feature-flags.tokens.js';
import type { FlagDatabaseLocation, ResolvedFeatureFlagsOptions } from './feature-flags.options.js';
import { flagDataSource } from './flag-data-source.js';
import { createSchema } from './flag-schema.js';

/** How long a write waits for other writers of the same file, in all. */
const LOCK_PATIENCE_MS = 5_000;
const LOCK_RETRY_MS = 30;
/** A dead server never confirms a goodbye. */
const CLOSE_PATIENCE_MS = 1_000;

@Injectable()
export class FlagDatabase implements OnApplicationShutdown {
  readonly #logger = new Logger(FlagDatabase.name);
  readonly #clock: Clock;
  readonly #random: Random;
  #opening: Promise<DataSource> | undefined;
  #closed = false;

  constructor(@Inject(FEATURE_FLAGS_OPTIONS) private readonly options: ResolvedFeatureFlagsOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /**
   * Runs one statement. It may be run again when the database was locked, and whatever else goes wrong is a
   * {@link FlagsDatabaseError}; the next call then starts from a fresh connection, so that a server that came back or
   * a file that was mended is found again.
   */
  async run<T>(statement: (dataSource: DataSource) => Promise<T>): Promise<T> {
    const opening = (this.#opening ??= this.#open());
    let dataSource: DataSource;
    try {
      dataSource = await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw this.#failed(error, 'refused');
    }
    try {
      return await this.#whileLocked(() => statement(dataSource));
    } catch (error) {
      if (this.#opening === opening) {
        this.#opening = undefined;
        void this.#release(dataSource); // not waited for: a server that fell silent does not confirm it
      }
      throw this.#failed(error, outcomeOf(error));
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closed = true;
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening === undefined) return;
    const closed = opening.then(
      (dataSource) => this.#release(dataSource),
      () => undefined, // It never opened; whoever asked for it was told.
    );
    await Promise.race([closed, this.#pause(CLOSE_PATIENCE_MS)]);
  }

  async #open(): Promise<DataSource> {
    if (this.#closed) throw new Error('the application is shutting down');
    const { location, readOnly } = this.options;
    if (readOnly && location.kind === 'file') await mustExist(location.path);
    const dataSource = flagDataSource(this.options, (error) =>
      this.#logger.warn(`An idle connection to ${placeOf(location)} broke: ${describeError(error)}.`),
    );
    await this.#whileLocked(() => dataSource.initialize());
    try {
      if (!readOnly) await this.#whileLocked(() => createSchema(dataSource));
    } catch (error) {
      void this.#release(dataSource);
      throw error;
    }
    return dataSource;
  }

  async #whileLocked<T>(attempt: () => Promise<T>): Promise<T> {
    const deadline = this.#clock.now() + LOCK_PATIENCE_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!isLocked(error) || this.#clock.now() >= deadline) throw error;
        await this.#pause(LOCK_RETRY_MS * this.#random.next());
      }
    }
  }

  #failed(error: unknown, outcome: StatementOutcome): FlagsDatabaseError {
    return new FlagsDatabaseError(
      `${placeOf(this.options.location)} is not available: ${describeError(error)}`,
      outcome,
      error,
    );
  }

  #release(dataSource: DataSource): Promise<void> {
    return dataSource.destroy().catch((error: unknown) => {
      this.#logger.debug(`Closing ${placeOf(this.options.location)} failed: ${describeError(error)}.`);
    });
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}

/** Opening would make the file, and even its folder. Both belong to whoever writes. */
async function mustExist(path: string): Promise<void> {
  try {
    await access(path);
  } catch (cause) {
    throw new Error('it does not exist yet, or may not be read; whoever writes the flags makes it', { cause });
  }
}

/** Names the database without its user and password. */
function placeOf(location: FlagDatabaseLocation): string {
  if (location.kind === 'file') return `The flags file ${location.path}`;
  if (!URL.canParse(location.url)) return 'The flags database';
  const { host, pathname } = new URL(location.url);
  return `The flags database ${host}${pathname}`;
}

function codeOf(error: unknown): string {
  const source: unknown = error instanceof QueryFailedError ? error.driverError : error;
  const code: unknown = typeof source === 'object' && source !== null && 'code' in source ? source.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** Another process holds the file. */
function isLocked(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(codeOf(error));
}

/** Whether a failed statement may have done its work: only when a server fell silent after it had been sent. */
function outcomeOf(error: unknown): StatementOutcome {
  if (!(error instanceof QueryFailedError)) return 'refused';
  const code = codeOf(error);
  if (code.startsWith('SQLITE_')) return 'refused';
  const answered = /^[0-9A-Z]{5}$/.test(code);
  const connectionWasCut = /^(08|57P)/.test(code);
  return answered && !connectionWasCut ? 'refused' : 'unknown';
}
