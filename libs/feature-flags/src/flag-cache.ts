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

  /** Rows held, deleted ones included. */
  get size(): number {
    return this.#records.size;
  }

  /** Takes the record if it is newer than what is held for its key. Returns whether it was. */
  apply(record: FlagRecord): boolean {
    const held = this.#records.get(record.key);
    if (held !== undefined && held.version >= record.version) return false;
    this.#records.set(record.key, record);
    return true;
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
