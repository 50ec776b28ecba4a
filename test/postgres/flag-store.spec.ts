/** The store on a Postgres server that crashes and falls silent, and against writers in other processes. */
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { eventually } from '../apps/support/eventually.js';
import { behavesAsAStore, open, unavailable } from '../apps/support/store-behaviour.js';
import { freezableProxy } from './support/freezable-proxy.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from './support/postgres.js';

beforeAll(() => Logger.overrideLogger(false)); // broken connections are expected here

describeWithPostgres('FlagStore on Postgres', () => {
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
    await store.put('idle', { enabled: true }, 'test');
    await server.crash();
    await expect(store.put('idle', { enabled: false }, 'test')).rejects.toEqual(unavailable);
    await expect(store.all()).rejects.toEqual(unavailable);
    await server.restart();
    expect(await store.put('idle', { enabled: false }, 'test')).toMatchObject({ record: { version: 2 } });
  }, 30_000);

  it('does not claim to know what became of a write that the server took to its grave', async () => {
    const store = open({ databaseUrl });
    await store.put('locked', { enabled: true }, 'test');
    const other = new pg.Client({ connectionString: databaseUrl });
    other.on('error', () => undefined); // it dies with the server
    await other.connect();
    await other.query(`BEGIN; UPDATE feature_flags SET description = 'mine' WHERE "key" = 'locked'`);
    const write = store.put('locked', { enabled: false }, 'test');
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
      await store.put('a', { enabled: true }, 'test');
      proxy.freeze();
      await expect(store.put('a', { enabled: false }, 'test')).rejects.toMatchObject({ outcome: 'unknown' });
      expect(await store.put('a', { enabled: false }, 'test')).toMatchObject({ created: false });
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
    await expect(open({ databaseUrl, readOnly: true }).put('a', { enabled: true }, 'test')).rejects.toMatchObject({
      code: 'FLAGS_DATABASE_UNAVAILABLE',
      outcome: 'refused',
    });
  });
});
