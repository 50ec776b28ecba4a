/** The store on a file, and against writers in other processes. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { Logger } from '@nestjs/common';
import { eventually } from './support/eventually.js';
import { behavesAsAStore, open, unavailable } from './support/store-behaviour.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

beforeAll(() => Logger.overrideLogger(false)); // broken connections are expected here

describe('FlagStore on a file', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  behavesAsAStore(() => ({ file: folder.file('flags.db') }));

  it('makes the folder of its file', async () => {
    const file = folder.file('deep/down/flags.db');
    await open({ file }).put('a', { enabled: true }, 'test');
    expect(existsSync(file)).toBe(true);
  });

  it('says that it is unavailable, and changed nothing, when the file is a folder', async () => {
    mkdirSync(folder.file('flags.db'));
    const store = open({ file: folder.file('flags.db') });
    await expect(store.put('a', { enabled: true }, 'test')).rejects.toMatchObject({
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
    await expect(store.put('a', { enabled: true }, 'test')).rejects.toEqual(unavailable);
    folder.remove();
    expect(await store.put('a', { enabled: true }, 'test')).toMatchObject({ created: true });
  });

  it('waits for a writer that holds the file, without holding up its own process', async () => {
    const file = folder.file('flags.db');
    const store = open({ file });
    await store.put('a', { enabled: true }, 'test');
    const { default: Database } = await import('libsql');
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const write = store.put('a', { enabled: false }, 'test');
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
      await writer.put('a', { enabled: true }, 'test');
      const reader = open({ file, readOnly: true });
      expect(await reader.all()).toHaveLength(1);
      await writer.put('b', { enabled: true }, 'test');
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
      await open({ file }).put('a', { enabled: true }, 'test');
      chmodSync(file, 0o644);
      await expect(open({ file, readOnly: true }).put('a', { enabled: false }, 'test')).rejects.toEqual(unavailable);
    });
  });
});
