/** The writing side of the flags: first the database, then the announcement to every replica. */
import { Injectable, Logger } from '@nestjs/common';
import {
  describeError,
  FeatureFlagsService,
  FlagsDatabaseError,
  FlagsError,
  type FlagInput,
  type FlagRecord,
  FlagStore,
  type FlagWrite,
} from '@rookery/feature-flags';
import { systemClock } from '@rookery/runtime';
import { Cluster, type Member } from 'rookery';

/** Every key is held in the memory of every replica, deleted ones too, so their number needs a limit. */
export const MAX_KEYS = 10_000;

/** How a change spread: the names of the replicas that handled it, failed to, or did not answer in time. */
export interface Live {
  readonly confirmed: readonly string[];
  readonly failed: readonly string[];
  readonly pending: readonly string[];
  readonly tookMs: number;
  /** Why nothing could be announced. The change is in the database all the same. */
  readonly error?: string;
}

@Injectable()
export class FlagWriter {
  readonly #logger = new Logger(FlagWriter.name);

  constructor(
    private readonly flags: FeatureFlagsService,
    private readonly store: FlagStore,
    private readonly cluster: Cluster,
  ) {}

  /** Makes or changes a flag, and tells every replica once that is committed. */
  async put(key: string, input: FlagInput): Promise<FlagWrite & { live: Live }> {
    if (this.flags.size >= MAX_KEYS && this.flags.record(key) === undefined) {
      throw new FlagsError(
        'FLAGS_LIMIT_REACHED',
        `There are ${MAX_KEYS} keys, deleted ones included; no more can be made.`,
      );
    }
    const write = await this.#commit(key, () => this.store.put(key, input, this.cluster.self.name));
    return { ...write, live: await this.#announce(write.record) };
  }

  /** Deletes a flag, and tells every replica once that is committed. */
  async delete(key: string): Promise<{ record: FlagRecord; live: Live }> {
    const record = await this.#commit(key, () => this.store.delete(key, this.cluster.self.name));
    if (record === undefined) throw new FlagsError('FLAGS_NOT_FOUND', `There is no flag "${key}".`);
    return { record, live: await this.#announce(record) };
  }

  async #commit<T>(key: string, write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      if (error instanceof FlagsDatabaseError && error.outcome === 'unknown') this.#announceLater(key);
      throw error;
    }
  }

  async #announce(record: FlagRecord): Promise<Live> {
    this.flags.apply(record);
    const beganAt = systemClock.now();
    const tookMs = (): number => Math.round((systemClock.now() - beganAt) * 10) / 10;
    try {
      const { confirmed, failed, pending } = await this.cluster.publishConfirmed('flag.changed', record);
      return { confirmed: namesOf(confirmed), failed: namesOf(failed), pending: namesOf(pending), tookMs: tookMs() };
    } catch (error) {
      this.#logger.error(
        `Version ${record.version} of ${record.key} is stored but could not be announced: ${describeError(error)}`,
      );
      return { confirmed: [], failed: [], pending: [], tookMs: tookMs(), error: describeError(error) };
    }
  }

  /**
   * The connection broke before the database answered, so the change may be there and nobody knows of it. Announces
   * whatever the database turns out to hold; where that is known already, the event changes nothing.
   */
  #announceLater(key: string): void {
    this.flags
      .reload(`unknown-write: the database did not say what became of a change to ${key}`)
      .then(() => {
        const record = this.flags.record(key);
        if (record !== undefined) this.cluster.publish('flag.changed', record);
      })
      .catch((error: unknown) => {
        this.#logger.error(`What became of a change to ${key} could not be announced: ${describeError(error)}`);
      });
  }
}

function namesOf(members: readonly Member[]): string[] {
  return members.map(({ name }) => name);
}
