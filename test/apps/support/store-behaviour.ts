/** What every store of flags must do, on whatever database: the tests that both kinds share, and stores that close by themselves. */
import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { FeatureFlagsOptions } from '../../../libs/feature-flags/src/feature-flags.options.js';
import type { FlagChange } from '../../../libs/feature-flags/src/flag-history.js';
import type { FlagStore } from '../../../libs/feature-flags/src/flag-store.js';
import { MAX_CHANGES_PER_KEY } from '../../../libs/feature-flags/src/noted-write.js';
import { collect } from './collect.js';
import { openStore, type OpenStore } from './flag-store.js';
import { forkTypescript } from './fork-typescript.js';

const opened: OpenStore[] = [];
/** Opens a store that is closed after the test. */
export function open(options: Partial<FeatureFlagsOptions>): FlagStore {
  return openAll(options).store;
}

/** The same, with what belongs to it. */
function openAll(options: Partial<FeatureFlagsOptions>): OpenStore {
  const all = openStore(options);
  opened.push(all);
  return all;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ close }) => close()));
});

export const unavailable = expect.objectContaining({ code: 'FLAGS_DATABASE_UNAVAILABLE' });

/** What must hold on either kind of database. */
export function behavesAsAStore(location: () => Partial<FeatureFlagsOptions>): void {
  it('makes, changes, deletes and makes anew, and never reuses a version of a key', async () => {
    const store = open(location());
    expect(await store.put('a', { enabled: true, description: 'first' }, 'test')).toMatchObject({
      created: true,
      record: { key: 'a', enabled: true, description: 'first', version: 1, deleted: false },
    });
    expect(await store.put('a', { enabled: false }, 'test')).toMatchObject({
      created: false,
      record: { enabled: false, description: 'first', version: 2 },
    });
    expect(await store.delete('a', 'test')).toMatchObject({ enabled: false, deleted: true, version: 3 });
    expect(await store.put('a', { enabled: true }, 'test')).toMatchObject({
      created: true,
      record: { enabled: true, description: '', deleted: false, version: 4 },
    });
    expect(await store.put('a', { enabled: true }, 'test')).toMatchObject({ created: false, record: { version: 5 } });
  });

  it('keeps the row of a deleted key for those who load', async () => {
    const store = open(location());
    await store.put('kept', { enabled: true }, 'test');
    await store.delete('kept', 'test');
    const [row] = (await store.all()).filter(({ key }) => key === 'kept');
    expect(row).toEqual({
      key: 'kept',
      enabled: false,
      description: '',
      version: 2,
      deleted: true,
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
    });
  });

  it('finds one row by its key, also a deleted one, and none that was never made', async () => {
    const store = open(location());
    await store.put('single', { enabled: true, description: 'x' }, 'test');
    expect(await store.one('single')).toMatchObject({ enabled: true, description: 'x', version: 1, deleted: false });
    await store.delete('single', 'test');
    expect(await store.one('single')).toMatchObject({ version: 2, deleted: true });
    expect(await store.one('none')).toBeUndefined();
    expect(await store.one("'; DROP TABLE feature_flags; --")).toBeUndefined();
  });

  it('has nothing to delete where there is no flag, or no more', async () => {
    const store = open(location());
    expect(await store.delete('none', 'test')).toBeUndefined();
    await store.put('gone', { enabled: true }, 'test');
    await store.delete('gone', 'test');
    expect(await store.delete('gone', 'test')).toBeUndefined();
  });

  it('keeps text as it is, quotes and all', async () => {
    const store = open(location());
    const description = `it's "50 %" off; DROP TABLE feature_flags -- \u2603 $1 ?`;
    await store.put('text', { enabled: true, description }, 'test');
    expect((await store.all()).find(({ key }) => key === 'text')).toMatchObject({ description });
  });

  it('notes every change with who made it, and tells them from the newest on', async () => {
    const { store, history } = openAll(location());
    await store.put('noted', { enabled: true, description: 'x' }, 'api-1');
    await store.put('noted', { enabled: false }, 'api-2');
    await store.delete('noted', 'api-1');
    await store.delete('noted', 'api-2'); // there is nothing to delete, so nothing changed
    await store.put('another', { enabled: true }, 'api-1');
    const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const changes = await collect(history.changes('noted'));
    expect(changes).toEqual([
      { key: 'noted', version: 3, enabled: false, deleted: true, at, by: 'api-1' },
      { key: 'noted', version: 2, enabled: false, deleted: false, at, by: 'api-2' },
      { key: 'noted', version: 1, enabled: true, deleted: false, at, by: 'api-1' },
    ]);
    expect(await collect(history.changes('noted', 2))).toEqual(changes.slice(0, 2));
    expect(await collect(history.changes("'; DROP TABLE feature_flags; --"))).toEqual([]);
  });

  it('changes no flag that it cannot note, and notes no change that was not made', async () => {
    const { store, history, database } = openAll(location());
    await store.put('both', { enabled: true }, 'api-1');
    const run = (text: string) => database.run((dataSource) => dataSource.query(text));
    await run(`UPDATE feature_flag_changes SET version = 2 WHERE "key" = 'both'`); // the place of the next change is taken
    await expect(store.put('both', { enabled: false }, 'api-1')).rejects.toMatchObject({ outcome: 'refused' });
    await expect(store.delete('both', 'api-1')).rejects.toEqual(unavailable);
    await run(`UPDATE feature_flag_changes SET version = 1 WHERE "key" = 'both'`);
    expect(await store.one('both')).toMatchObject({ version: 1, enabled: true });
    await store.put('both', { enabled: false }, 'api-1');
    expect(versions(await collect(history.changes('both')))).toEqual([2, 1]);
  });

  it('lets go of the oldest changes of a flag, and tells more of them than it reads at once', async () => {
    const { store, history, database } = openAll(location());
    await store.put('busy', { enabled: true }, 'api-1');
    await database.run((dataSource) =>
      dataSource.query(`UPDATE feature_flags SET version = ${MAX_CHANGES_PER_KEY - 1} WHERE "key" = 'busy'`),
    );
    await store.put('busy', { enabled: true }, 'api-1');
    expect(versions(await collect(history.changes('busy')))).toEqual([MAX_CHANGES_PER_KEY, 1]);
    for (let i = 1; i <= 120; i++) await store.put('busy', { enabled: i % 2 === 0 }, 'api-1');
    const newest = MAX_CHANGES_PER_KEY + 120;
    const expected = Array.from({ length: 121 }, (_, i) => newest - i);
    expect(versions(await collect(history.changes('busy')))).toEqual(expected);
    expect(versions(await collect(history.changes('busy', 75)))).toEqual(expected.slice(0, 75));
  });

  it('makes its tables once when ten replicas start together', async () => {
    const stores = Array.from({ length: 10 }, () => open(location()));
    await Promise.all(stores.map((store) => store.all()));
  });

  it('gives 400 distinct versions to two processes that write one key 200 times each', async () => {
    const times = 200;
    const writers = [1, 2].map(() =>
      forkTypescript('test/apps/support/flag-writer.ts', [JSON.stringify(location()), 'contested', String(times)]),
    );
    const hears = (writer: (typeof writers)[number]) =>
      Promise.race([
        once(writer, 'message').then(([message]) => message as unknown),
        once(writer, 'exit').then(() => Promise.reject(new Error('a writer ended early'))),
      ]);
    await Promise.all(writers.map(hears));
    const answers = writers.map(hears);
    for (const writer of writers) writer.send('go');
    const given = (await Promise.all(answers)) as number[][];

    expect(new Set(given.flat())).toEqual(new Set(Array.from({ length: 2 * times }, (_, i) => i + 1)));
    const { store, history } = openAll(location());
    const [row] = (await store.all()).filter(({ key }) => key === 'contested');
    expect(row?.version).toBe(2 * times);
    expect(turnsTaken(given)).toBeGreaterThan(times / 4); // they did meet
    const changes = await collect(history.changes('contested'));
    expect(versions(changes)).toEqual(Array.from({ length: 2 * times }, (_, i) => 2 * times - i));
    for (const [i, { pid }] of writers.entries()) {
      const own = changes.filter(({ by }) => by === String(pid));
      expect(new Set(versions(own))).toEqual(new Set(given[i]));
    }
  }, 60_000);
}

function versions(changes: readonly FlagChange[]): number[] {
  return changes.map(({ version }) => version);
}

/** How often the next version went to another writer than the one before. */
function turnsTaken(versions: number[][]): number {
  const writers = new Map(versions.flatMap((own, writer) => own.map((version) => [version, writer] as const)));
  return [...writers.keys()].filter((version) => version > 1 && writers.get(version) !== writers.get(version - 1))
    .length;
}
