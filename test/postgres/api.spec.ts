/** The api over HTTP while its Postgres server crashes, comes back, and is not heard. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import request from 'supertest';
import { eventually } from '../apps/support/eventually.js';
import { runApi, type RunningApp } from '../apps/support/running-app.js';
import { freezableProxy } from './support/freezable-proxy.js';
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

  /** Holds the row of a flag, so that a write to it waits in the server. */
  async function hold(key: string): Promise<pg.Client> {
    const other = new pg.Client({ connectionString: databaseUrl });
    other.on('error', () => undefined); // it may die with the server
    await other.connect();
    await other.query('BEGIN');
    await other.query(`UPDATE feature_flags SET description = 'mine' WHERE "key" = $1`, [key]);
    return other;
  }

  function waiting(other: pg.Client): Promise<unknown> {
    return eventually(
      async () => (await other.query(`SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'`)).rowCount,
    );
  }

  it('counts as out of date for as long as it does not know what became of a change', async () => {
    await request(api.url).put('/flags/doubt').send({ enabled: true }).expect(201);
    const other = await hold('doubt');
    const write = request(api.url)
      .put('/flags/doubt')
      .send({ enabled: false })
      .then((response) => response);
    await waiting(other);
    await server.crash();
    expect(await write).toMatchObject({ status: 503, body: { outcome: 'unknown' } });
    expect((await request(api.url).get('/health')).body).toMatchObject({ flags: { stale: true } });
    await server.restart();
    await eventually(async () => {
      const { body } = await request(api.url).get('/health');
      return !(body as { flags: { stale: boolean } }).flags.stale;
    });
  }, 30_000);

  it('announces a change after all that the server made, but could not say so', async () => {
    const proxy = await freezableProxy(Number(new URL(databaseUrl).port));
    const url = new URL(databaseUrl);
    url.port = String(proxy.port);
    const behindProxy = await runApi({ databaseUrl: url.href });
    try {
      await request(behindProxy.url).put('/flags/unheard').send({ enabled: true }).expect(201);
      const other = await hold('unheard');
      const write = request(behindProxy.url)
        .put('/flags/unheard')
        .send({ enabled: false })
        .then((response) => response);
      await waiting(other);
      proxy.freeze(); // the answer gets lost
      await other.query('COMMIT');
      await other.end();
      expect(await write).toMatchObject({ status: 503, body: { outcome: 'unknown' } });
      await eventually(() => behindProxy.cluster.published.length > 1);
      expect(behindProxy.cluster.published.at(-1)).toMatchObject({
        topic: 'flag.changed',
        payload: { key: 'unheard', version: 2, enabled: false },
      });
    } finally {
      await behindProxy.app.close();
      proxy.close();
    }
  }, 30_000);
});
