/** What a flag is: the row that every copy holds, and the event that announces a change of it. */

/** A flag as its readers see it. */
export interface Flag {
  readonly key: string;
  readonly enabled: boolean;
  /** For people; may be empty. */
  readonly description: string;
  /** Counts every write to this key since it was first made, deletions included. Never goes back. */
  readonly version: number;
  /** When the row was last written, by the clock of the writing replica: ISO 8601, UTC. For display only. */
  readonly updatedAt: string;
}

/** A row of the store: a flag, or what is left of a deleted one. A deleted key keeps its row, hence its version. */
export interface FlagRecord extends Flag {
  readonly deleted: boolean;
}

/** The payload of `flag.changed`: the whole row after the change, so that an event needs no look-up to be applied. */
export type FlagChanged = FlagRecord;

declare module 'rookery' {
  interface ClusterEventMap {
    'flag.changed': FlagChanged;
  }
}

/** The flag that a record stands for; undefined when it was deleted. */
export function flagOf(record: FlagRecord | undefined): Flag | undefined {
  if (record === undefined || record.deleted) return undefined;
  const { key, enabled, description, version, updatedAt } = record;
  return { key, enabled, description, version, updatedAt };
}

/**
 * Whether a value from another process has the shape of a record. Peers are authenticated but may run another
 * release; one record with a version that is no number would freeze its key for good.
 */
export function isFlagRecord(value: unknown): value is FlagRecord {
  if (typeof value !== 'object' || value === null) return false;
  const record = value as Partial<Record<keyof FlagRecord, unknown>>;
  return (
    typeof record.key === 'string' &&
    typeof record.enabled === 'boolean' &&
    typeof record.description === 'string' &&
    typeof record.updatedAt === 'string' &&
    typeof record.deleted === 'boolean' &&
    Number.isSafeInteger(record.version) &&
    (record.version as number) > 0
  );
}
