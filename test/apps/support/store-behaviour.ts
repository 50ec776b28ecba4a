/** What every store of flags must do, on whatever database: the tests that both kinds share, and stores that close by themselves. */
import { afterEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { FeatureFlagsOptions } from '../../../libs/feature-flags/src/feature-flags.options.js';
import { openStore, type OpenStore } from './flag-store.js';
import { forkTypescript } from './fork-typescript.js';

const opened: OpenStore[] = [];
/** Opens a store that is closed after the test. */
export function open(options: Partial<FeatureFlagsOptions>) {
  const store = openStore(options);
  opened.push(store);
  return store.store;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ close }) => close()));
});

export const unavailable = expect.objectContaining({ code: 'FLAGS_DATABASE_UNAVAILABLE' });

/** What must hold on either kind of database. */
export function behavesAsAStore(location: () => Partial<FeatureFlagsOptions>): void {
  it('makes, changes, deletes and makes anew, and never reuses a version of a key', async () => {
    const store = open(location());
    expect(await store.put('a', { enabled: true, description: 'first' })).toMatchObject({
      created: true,
      record: { key: 'a', enabled: true, description: 'first', version: 1, deleted: false },
    });
    expect(await store.put('a', { enabled: false })).toMatchObject({
      created: false,
      record: { enabled: false, description: 'first', version: 2 },
    });
    expect(await store.delete('a')).toMatchObject({ enabled: false, deleted: true, version: 3 });
    expect(await store.put('a', { enabled: true })).toMatchObject({
      created: true,
      record: { enabled: true, description: '', deleted: false, version: 4 },
    });
    expect(await store.put('a', { enabled: true })).toMatchObject({ created: false, record: { version: 5 } });
  });

  it('keeps the row of a deleted key for those who load', async () => {
    const store = open(location());
    await store.put('kept', { enabled: true });
    await store.delete('kept');
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
    await store.put('single', { enabled: true, description: 'x' });
    expect(await store.one('single')).toMatchObject({ enabled: true, description: 'x', version: 1, deleted: false });
    await store.delete('single');
    expect(await store.one('single')).toMatchObject({ version: 2, deleted: true });
    expect(await store.one('none')).toBeUndefined();
    expect(await store.one("'; DROP TABLE feature_flags; --")).toBeUndefined();
  });

  it('has nothing to delete where there is no flag, or no more', async () => {
    const store = open(location());
    expect(await store.delete('none')).toBeUndefined();
    await store.put('gone', { enabled: true });
    await store.delete('gone');
    expect(await store.delete('gone')).toBeUndefined();
  });

  it('keeps text as it is, quotes and all', async () => {
    const store = open(location());
    const description = `it's "50 %" off; DROP TABLE feature_flags -- \u2603 $1 ?`;
    await store.put('text', { enabled: true, description });
    expect((await store.all()).find(({ key }) => key === 'text')).toMatchObject({ description });
  });

  it('makes its table once when ten replicas start together', async () => {
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
    const versions = (await Promise.all(answers)) as number[][];

    expect(new Set(versions.flat())).toEqual(new Set(Array.from({ length: 2 * times }, (_, i) => i + 1)));
    const [row] = (await open(location()).all()).filter(({ key }) => key === 'contested');
    expect(row?.version).toBe(2 * times);
    expect(turnsTaken(versions)).toBeGreaterThan(times / 4); // they did meet
  }, 60_000);
}

/** How often the next version went to another writer than the one before. */
function turnsTaken(versions: number[][]): number {
  const writers = new Map(versions.flatMap((own, writer) => own.map((version) => [version, writer] as const)));
  return [...writers.keys()].filter((version) => version > 1 && writers.get(version) !== writers.get(version - 1))
    .length;
}
