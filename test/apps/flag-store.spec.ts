/** The store against real databases, and against writers in other processes. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import type { FeatureFlagsOptions } from '../../libs/feature-flags/src/feature-flags.options.js';
import { eventually } from './support/eventually.js';
import { freezableProxy } from './support/freezable-proxy.js';
import { openStore, type OpenStore } from './support/flag-store.js';
import { forkTypescript } from './support/fork-typescript.js';
import { type PostgresServer, postgresUnavailable, startPostgres } from './support/postgres.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

beforeAll(() => Logger.overrideLogger(false)); // broken connections are expected here

const opened: OpenStore[] = [];
function open(options: Partial<FeatureFlagsOptions>) {
  const store = openStore(options);
  opened.push(store);
  return store.store;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ close }) => close()));
});

const unavailable = expect.objectContaining({ code: 'FLAGS_DATABASE_UNAVAILABLE' });

/** What must hold on either kind of database. */
function behavesAsAStore(location: () => Partial<FeatureFlagsOptions>): void {
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

describe('FlagStore on a file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  behavesAsAStore(() => ({ file: folder.file('flags.db') }));

  it('makes the folder of its file', async () => {
    const file = folder.file('deep/down/flags.db');
    await open({ file }).put('a', { enabled: true });
    expect(existsSync(file)).toBe(true);
  });

  it('says that it is unavailable, and changed nothing, when the file is a folder', async () => {
    mkdirSync(folder.file('flags.db'));
    const store = open({ file: folder.file('flags.db') });
    await expect(store.put('a', { enabled: true })).rejects.toMatchObject({
      code: 'FLAGS_DATABASE_UNAVAILABLE',
      outcome: 'refused',
      message: expect.stringContaining(folder.file('flags.db')),
    });
    await expect(store.all()).rejects.toEqual(unavailable);
  });

  it('says so when the folder of the file cannot be made', async () => {
    writeFileSync(folder.file('occupied'), '');
    await expect(open({ file: folder.file('occupied/flags.db') }).all()).rejects.toEqual(unavailable);
  });

  it('says so when the file is no database, and finds it once it is mended', async () => {
    const file = folder.file('flags.db');
    writeFileSync(file, 'not a database, but long enough to be looked at '.repeat(100));
    const store = open({ file });
    await expect(store.put('a', { enabled: true })).rejects.toEqual(unavailable);
    folder.remove();
    expect(await store.put('a', { enabled: true })).toMatchObject({ created: true });
  });

  it('waits for a writer that holds the file, without holding up its own process', async () => {
    const file = folder.file('flags.db');
    const store = open({ file });
    await store.put('a', { enabled: true });
    const { default: Database } = await import('libsql');
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const write = store.put('a', { enabled: false });
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    await eventually(() => turns > 3); // each turn is a moment in which this process could do other work
    clearInterval(counting);
    other.exec('COMMIT');
    other.close();
    expect(await write).toMatchObject({ record: { version: 2 } });
  });

  describe('opened for reading only', () => {
    it('reads what others write', async () => {
      const file = folder.file('flags.db');
      const writer = open({ file });
      await writer.put('a', { enabled: true });
      const reader = open({ file, readOnly: true });
      expect(await reader.all()).toHaveLength(1);
      await writer.put('b', { enabled: true });
      expect(await reader.all()).toHaveLength(2);
    });

    it('makes nothing: it waits for the writer to make the file and the table', async () => {
      const file = folder.file('not/yet/flags.db');
      const reader = open({ file, readOnly: true });
      await expect(reader.all()).rejects.toEqual(unavailable);
      expect(existsSync(folder.file('not'))).toBe(false);
      await open({ file }).all();
      expect(await reader.all()).toEqual([]);
    });

    it('refuses to write', async () => {
      const file = folder.file('flags.db');
      await open({ file }).put('a', { enabled: true });
      chmodSync(file, 0o644);
      await expect(open({ file, readOnly: true }).put('a', { enabled: false })).rejects.toEqual(unavailable);
    });
  });
});

const noPostgres = postgresUnavailable();
if (noPostgres !== undefined) process.stderr.write(`SKIPPED: FlagStore on Postgres: ${noPostgres}.\n`);
const describeWithPostgres = noPostgres === undefined ? describe : describe.skip;

describeWithPostgres(`FlagStore on Postgres${noPostgres === undefined ? '' : ` (skipped: ${noPostgres})`}`, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server.stop());
  let databaseUrl: string;
  beforeEach(async () => {
    databaseUrl = await server.newDatabase();
  });

  behavesAsAStore(() => ({ databaseUrl }));

  it('survives a crash of the server while idle, and finds it again', async () => {
    const store = open({ databaseUrl });
    await store.put('idle', { enabled: true });
    await server.crash();
    await expect(store.put('idle', { enabled: false })).rejects.toEqual(unavailable);
    await expect(store.all()).rejects.toEqual(unavailable);
    await server.restart();
    expect(await store.put('idle', { enabled: false })).toMatchObject({ record: { version: 2 } });
  }, 30_000);

  it('does not claim to know what became of a write that the server took to its grave', async () => {
    const store = open({ databaseUrl });
    await store.put('locked', { enabled: true });
    const other = new pg.Client({ connectionString: databaseUrl });
    other.on('error', () => undefined); // it dies with the server
    await other.connect();
    await other.query(`BEGIN; UPDATE feature_flags SET description = 'mine' WHERE "key" = 'locked'`);
    const write = store.put('locked', { enabled: false });
    const refused = expect(write).rejects.toMatchObject({ code: 'FLAGS_DATABASE_UNAVAILABLE', outcome: 'unknown' });
    await eventually(
      async () => (await other.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount,
    );
    await server.crash();
    await refused;
    await server.restart();
  }, 30_000);

  it('leaves a connection that fell silent for a new one', async () => {
    const proxy = await freezableProxy(Number(new URL(databaseUrl).port));
    try {
      const url = new URL(databaseUrl);
      url.port = String(proxy.port);
      const store = open({ databaseUrl: url.href });
      await store.put('a', { enabled: true });
      proxy.freeze();
      await expect(store.put('a', { enabled: false })).rejects.toMatchObject({ outcome: 'unknown' });
      expect(await store.put('a', { enabled: false })).toMatchObject({ created: false });
    } finally {
      proxy.close();
    }
  }, 30_000);

  it('gives up on a server that accepts and then says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      await expect(open({ databaseUrl: `postgres://me:secret@127.0.0.1:${port}/flags` }).all()).rejects.toMatchObject({
        code: 'FLAGS_DATABASE_UNAVAILABLE',
        outcome: 'refused',
        message: expect.not.stringContaining('secret'),
      });
    } finally {
      silent.close();
    }
  }, 30_000);

  it('refuses to write when opened for reading only', async () => {
    await open({ databaseUrl }).all();
    await expect(open({ databaseUrl, readOnly: true }).put('a', { enabled: true })).rejects.toMatchObject({
      code: 'FLAGS_DATABASE_UNAVAILABLE',
      outcome: 'refused',
    });
  });
});
