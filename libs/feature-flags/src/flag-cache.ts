/**
 * The flags as one process holds them in memory. Pure: no clock, no I/O.
 *
 * One rule keeps every copy right: **only a higher version is applied**, whether it comes with an event or with a
 * load of the whole table. It puts two writers in order, makes repeated and late events harmless, and closes the
 * race between a load and the events that arrive while it runs.
 */
import { type Flag, type FlagRecord, flagOf } from './flag.js';

export class FlagCache {
  // A Map: flag keys are foreign text, and on an object `__proto__` would be one too many.
  readonly #records = new Map<string, FlagRecord>();
  /**
   * The versions of rows that were dropped. Without them a load that began before the drop could bring back a value older
   * than one that was held.
   */
  readonly #dropped = new Map<string, number>();

  /** Keys known, deleted and dropped ones included. */
  get size(): number {
    return this.#records.size + this.#dropped.size;
  }

  /** Whether any row is held. */
  get isEmpty(): boolean {
    return this.#records.size === 0;
  }

  /** Takes the record if it is newer than what is held for its key, or not older than what was dropped. Returns whether it was. */
  apply(record: FlagRecord): boolean {
    if (this.#isOutdated(record)) return false;
    this.#dropped.delete(record.key);
    this.#records.set(record.key, record);
    return true;
  }

  /** Lets go of all rows, and keeps their versions. */
  drop(): void {
    for (const [key, { version }] of this.#records) this.#dropped.set(key, version);
    this.#records.clear();
  }

  /**
   * Takes what a read of one key found, and returns the newest that is known of it: an event may have come while the read
   * was running. Undefined is a key that nobody ever made.
   * @throws Error when a newer version than the one found was known, and has been dropped
   */
  take(key: string, found: FlagRecord | undefined): FlagRecord | undefined {
    if (found !== undefined) this.apply(found);
    const floor = this.#dropped.get(key);
    if (floor !== undefined) throw new Error(`version ${floor} is known, the database told of an older one`);
    return this.#records.get(key);
  }

  /**
   * Takes from a load whatever is newer, and returns just that. Keys that the load does not know stay: rows are
   * never removed from the table, so such a key was written after the load had read it.
   */
  load(records: Iterable<FlagRecord>): FlagRecord[] {
    return [...records].filter((record) => this.apply(record));
  }

  /** The row of a key, also when it is deleted. */
  record(key: string): FlagRecord | undefined {
    return this.#records.get(key);
  }

  get(key: string): Flag | undefined {
    return flagOf(this.#records.get(key));
  }

  #isOutdated({ key, version }: FlagRecord): boolean {
    const held = this.#records.get(key);
    if (held !== undefined) return held.version >= version;
    return (this.#dropped.get(key) ?? 0) > version;
  }

  /** All flags that are not deleted, by key. */
  list(): Flag[] {
    const flags: Flag[] = [];
    for (const record of this.#records.values()) {
      const flag = flagOf(record);
      if (flag !== undefined) flags.push(flag);
    }
    return flags.sort((a, b) => (a.key < b.key ? -1 : 1));
  }
}
