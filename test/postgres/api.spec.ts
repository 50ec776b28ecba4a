/** The api over HTTP while its Postgres server crashes and comes back. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import request from 'supertest';
import { eventually } from '../apps/support/eventually.js';
import { openStore } from '../apps/support/flag-store.js';
import { runApi, type RunningApp } from '../apps/support/running-app.js';
import { describeWithPostgres, type PostgresServer, startPostgres } from './support/postgres.js';

beforeAll(() => Logger.overrideLogger(false)); // warnings are expected here

describeWithPostgres('the api on Postgres', () => {
  let server: PostgresServer;
  let databaseUrl: string;
  let api: RunningApp;
  beforeAll(async () => {
    server = await startPostgres();
    databaseUrl = await server.newDatabase();
    api = await runApi({ databaseUrl });
  }, 60_000);
  afterAll(async () => {
    await api.app.close();
    await server.stop();
  });

  it('keeps reading from memory while the database is down, answers writes with 503, and recovers', async () => {
    await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    await server.crash();
    const { body } = await request(api.url).put('/flags/a').send({ enabled: false }).expect(503);
    expect(body).toMatchObject({ code: 'FLAGS_DATABASE_UNAVAILABLE', message: expect.stringContaining('127.0.0.1') });
    await request(api.url)
      .get('/flags/a')
      .expect(200, /"version":1/);
    await server.restart();
    await request(api.url)
      .put('/flags/a')
      .send({ enabled: false })
      .expect(200, /"version":2/);
  }, 30_000);

  it('announces a change after all whose outcome it had not been told', async () => {
    await request(api.url).put('/flags/doubt').send({ enabled: true }).expect(201);
    // Holds the row, so that the write waits in the server and the server dies with it.
    const other = new pg.Client({ connectionString: databaseUrl });
    other.on('error', () => undefined);
    await other.connect();
    await other.query(`BEGIN; UPDATE feature_flags SET description = 'mine' WHERE "key" = 'doubt'`);
    const write = request(api.url)
      .put('/flags/doubt')
      .send({ enabled: false })
      .then((response) => response);
    await eventually(
      async () => (await other.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount,
    );
    await server.crash();
    expect(await write).toMatchObject({ status: 503, body: { outcome: 'unknown' } });
    expect((await request(api.url).get('/health')).body).toMatchObject({ flags: { stale: true } });

    // Suppose that the server had stored it before it died: here another connection stands in for that.
    await server.restart();
    const { store, close } = openStore({ databaseUrl });
    await store.put('doubt', { enabled: false });
    await close();
    const published = api.cluster.published.length;
    await eventually(() => api.cluster.published.length > published);
    expect(api.cluster.published.at(-1)).toMatchObject({
      topic: 'flag.changed',
      payload: { key: 'doubt', version: 2, enabled: false },
    });
    expect((await request(api.url).get('/health')).body).toMatchObject({ flags: { stale: false } });
  }, 30_000);
});
