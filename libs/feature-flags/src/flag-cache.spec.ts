import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FlagRecord } from './flag.js';
import { FlagCache } from './flag-cache.js';

function record(key: string, version: number, rest: Partial<FlagRecord> = {}): FlagRecord {
  return {
    key,
    version,
    enabled: true,
    description: '',
    deleted: false,
    updatedAt: '2030-01-01T00:00:00.000Z',
    ...rest,
  };
}

describe('FlagCache', () => {
  it('applies only a higher version, whatever order events arrive in', () => {
    const cache = new FlagCache();
    expect(cache.apply(record('a', 2, { enabled: false }))).toBe(true);
    expect(cache.apply(record('a', 1))).toBe(false);
    expect(cache.apply(record('a', 2))).toBe(false);
    expect(cache.get('a')).toMatchObject({ enabled: false, version: 2 });
  });

  it('keeps an event that arrived while an older load was running', () => {
    const cache = new FlagCache();
    const loaded = [record('a', 1), record('b', 4)]; // read from the database before the event was written
    cache.apply(record('a', 2, { enabled: false }));
    expect(cache.load(loaded)).toEqual([record('b', 4)]);
    expect(cache.get('a')).toMatchObject({ enabled: false, version: 2 });
  });

  it('keeps a flag that a load, read before the flag was made, does not know', () => {
    const cache = new FlagCache();
    cache.apply(record('new', 1));
    cache.load([]);
    expect(cache.get('new')).toBeDefined();
  });

  it('hides a deleted flag but keeps its version, so that a late event cannot bring it back', () => {
    const cache = new FlagCache();
    cache.apply(record('a', 3, { deleted: true }));
    expect(cache.apply(record('a', 2))).toBe(false);
    expect(cache.get('a')).toBeUndefined();
    expect(cache.list()).toEqual([]);
    expect(cache.size).toBe(1);
    expect(cache.record('a')).toMatchObject({ deleted: true, version: 3 });
  });

  it('shows a flag again that was made anew after its deletion', () => {
    const cache = new FlagCache();
    cache.apply(record('a', 3, { deleted: true }));
    cache.apply(record('a', 4));
    expect(cache.get('a')).toMatchObject({ version: 4 });
  });

  it('keeps the versions of what it dropped: the same may come back, nothing older', () => {
    const cache = new FlagCache();
    cache.load([record('a', 3), record('b', 1)]);
    cache.drop();
    expect([cache.list(), cache.record('a'), cache.isEmpty, cache.size]).toEqual([[], undefined, true, 2]);
    expect(cache.load([record('a', 2), record('b', 1)])).toEqual([record('b', 1)]);
    expect(cache.apply(record('a', 3))).toBe(true);
    expect(cache.apply(record('a', 2))).toBe(false);
    expect(cache.size).toBe(2);
  });

  it('answers a read of one key with the newest that is known, and refuses one older than what it dropped', () => {
    const cache = new FlagCache();
    expect(cache.take('a', undefined)).toBeUndefined();
    expect(cache.take('a', record('a', 2))).toEqual(record('a', 2));
    expect(cache.take('a', record('a', 1))).toEqual(record('a', 2));
    expect(cache.take('a', undefined)).toEqual(record('a', 2));
    cache.drop();
    expect(() => cache.take('a', record('a', 1))).toThrow(/version 2/);
    expect(() => cache.take('a', undefined)).toThrow(/version 2/);
    expect(cache.take('a', record('a', 2))).toEqual(record('a', 2));
  });

  it('takes the names of object members for ordinary keys', () => {
    const cache = new FlagCache();
    for (const key of ['__proto__', 'constructor', 'toString']) {
      expect(cache.get(key)).toBeUndefined();
      expect(cache.apply(record(key, 1))).toBe(true);
      expect(cache.get(key)).toMatchObject({ key });
    }
    expect(cache.list()).toHaveLength(3);
  });

  it('lists flags by key, without the deletion mark of the rows', () => {
    const cache = new FlagCache();
    cache.load([record('b', 1), record('a', 1)]);
    expect(cache.list().map(({ key }) => key)).toEqual(['a', 'b']);
    expect(cache.list()[0]).not.toHaveProperty('deleted');
  });

  it('converges to the highest versions under any interleaving and repetition of events and loads', () => {
    const write = fc.record({
      key: fc.constantFrom('a', 'b', '__proto__'),
      enabled: fc.boolean(),
      deleted: fc.boolean(),
    });
    /** What a copy hears: the event of write number n, or a load that read the table after n writes. */
    const heard = fc.record({ load: fc.boolean(), at: fc.nat(), drop: fc.boolean() });
    fc.assert(
      fc.property(fc.array(write, { maxLength: 30 }), fc.array(heard, { maxLength: 80 }), (writes, hears) => {
        const { events, tables } = replay(writes);
        const cache = new FlagCache();
        for (const { load, at, drop } of hears) {
          if (drop && at % 7 === 0) cache.drop();
          if (load) cache.load(tables[at % tables.length]!.values());
          else if (events.length > 0) cache.apply(events[at % events.length]!);
        }
        // What was dropped is loaded anew; without a drop that is not needed.
        if (hears.some(({ at, drop }) => drop && at % 7 === 0)) cache.load(tables.at(-1)!.values());
        // However late, each write is heard of at last: by its own event or, here and there, only by a load.
        const missed = events.filter(
          (_, index) => !hears.some(({ load, at }) => !load && at % events.length === index),
        );
        if (missed.length % 2 === 0) cache.load(tables.at(-1)!.values());
        else for (const event of missed.reverse()) cache.apply(event);

        const truth = tables.at(-1)!;
        expect(cache.size).toBe(truth.size);
        for (const [key, row] of truth) expect(cache.record(key)).toEqual(row);
      }),
    );
  });
});

/** What a database makes of the writes: the event of each, and the table after each, the empty one first. */
function replay(writes: { key: string; enabled: boolean; deleted: boolean }[]) {
  const events: FlagRecord[] = [];
  const tables: Map<string, FlagRecord>[] = [new Map()];
  for (const { key, enabled, deleted } of writes) {
    const table = new Map(tables.at(-1));
    const event = record(key, (table.get(key)?.version ?? 0) + 1, { enabled, deleted });
    table.set(key, event);
    events.push(event);
    tables.push(table);
  }
  return { events, tables };
}
