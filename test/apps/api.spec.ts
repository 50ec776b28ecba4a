/** The api over HTTP, with a real database and a cluster that the test plays. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { mkdirSync } from 'node:fs';
import request from 'supertest';
import { FlagHistoryController } from '../../apps/api/src/flags/flag-history.controller.js';
import { MAX_KEYS } from '../../apps/api/src/flags/flag-writer.service.js';
import { PricingController } from '../../apps/api/src/pricing/pricing.controller.js';
import { member } from '../../libs/feature-flags/test/fake-cluster.js';
import { collect } from './support/collect.js';
import { eventually } from './support/eventually.js';
import { changed, runApi, type RunningApp } from './support/running-app.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

beforeAll(() => Logger.overrideLogger(false)); // warnings are expected here

describe('the api', () => {
  let folder: TemporaryFolder;
  let api: RunningApp;
  beforeEach(async () => {
    folder = temporaryFolder();
    api = await runApi({ file: folder.file('flags.db') });
  });
  afterEach(async () => {
    await api.app.close();
    folder.remove();
  });

  it('makes a flag with 201, changes it with 200, and reads its own writes', async () => {
    const made = await request(api.url).put('/flags/a').send({ enabled: true, description: 'first' }).expect(201);
    expect(made.body).toMatchObject({ flag: { key: 'a', enabled: true, description: 'first', version: 1 } });
    const again = await request(api.url).put('/flags/a').send({ enabled: false }).expect(200);
    expect(again.body).toMatchObject({ flag: { enabled: false, description: 'first', version: 2 } });
    const read = await request(api.url).get('/flags/a').expect(200);
    expect(read.body).toMatchObject({ flag: { key: 'a', enabled: false, version: 2 }, stale: false, reasons: [] });
  });

  it('lists flags by key, with how good the list is', async () => {
    await request(api.url).put('/flags/b').send({ enabled: true }).expect(201);
    await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    const { body } = await request(api.url).get('/flags').expect(200);
    expect(body).toMatchObject({ stale: false, reasons: [], loadedAt: expect.any(String) });
    expect((body as { flags: { key: string }[] }).flags.map(({ key }) => key)).toEqual(['a', 'b']);
  });

  it('announces a change once it is stored, and answers with who has it live', async () => {
    api.cluster.outcome = {
      confirmed: [member('landing-1'), member('landing-2')],
      failed: [member('landing-3')],
      pending: [member('api-2')],
    };
    const { body } = await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    expect(body).toMatchObject({
      live: {
        confirmed: ['landing-1', 'landing-2'],
        failed: ['landing-3'],
        pending: ['api-2'],
        tookMs: expect.any(Number),
      },
    });
    expect(api.cluster.published).toEqual([
      {
        topic: 'flag.changed',
        payload: expect.objectContaining({ key: 'a', enabled: true, version: 1, deleted: false }),
      },
    ]);
  });

  it('deletes a flag, announces that, and does not know it any more', async () => {
    await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    const { body } = await request(api.url).delete('/flags/a').expect(200);
    expect(body).toMatchObject({ flag: { key: 'a', version: 2, deleted: true }, live: { confirmed: [] } });
    expect(api.cluster.published.at(-1)).toMatchObject({ payload: { key: 'a', version: 2, deleted: true } });
    await request(api.url).get('/flags/a').expect(404);
    await request(api.url)
      .delete('/flags/a')
      .expect(404, /FLAGS_NOT_FOUND/);
    expect((await request(api.url).get('/flags')).body).toMatchObject({ flags: [] });
  });

  it('makes a deleted flag anew with 201 and the next version', async () => {
    await request(api.url).put('/flags/a').send({ enabled: true });
    await request(api.url).delete('/flags/a').expect(200);
    const { body } = await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    expect(body).toMatchObject({ flag: { version: 3 } });
  });

  it('does not announce what it did not do', async () => {
    await request(api.url).delete('/flags/none').expect(404);
    await request(api.url).put('/flags/a').send({ enabled: 'yes' }).expect(400);
    expect(api.cluster.published).toEqual([]);
  });

  it('names all that is wrong with a request at once', async () => {
    const { body } = await request(api.url).put('/flags/Wrong%20key').send({ enabled: 'yes', more: 1 }).expect(400);
    expect(body).toMatchObject({ code: 'FLAGS_INVALID_REQUEST' });
    expect((body as { problems: string[] }).problems).toHaveLength(3);
  });

  it('refuses a body that is no JSON object', async () => {
    await request(api.url).put('/flags/a').set('content-type', 'application/json').send('{').expect(400);
    await request(api.url)
      .put('/flags/a')
      .set('content-type', 'text/plain')
      .send('on')
      .expect(400, /application\/json/);
    await request(api.url).put('/flags/a').expect(400);
    await request(api.url).put('/flags/a').send([]).expect(400);
  });

  it('has the change stored when nothing could be announced, and says both', async () => {
    api.cluster.outcome = new Error('this node has left');
    const { body } = await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    expect(body).toMatchObject({ flag: { version: 1 }, live: { confirmed: [], error: 'this node has left' } });
    await request(api.url).get('/flags/a').expect(200);
  });

  it('takes in what other replicas announce', async () => {
    api.flags.onFlagChanged(changed('elsewhere', 7));
    const { body } = await request(api.url).get('/flags/elsewhere').expect(200);
    expect(body).toMatchObject({ flag: { version: 7 } });
  });

  it('makes no more keys than every replica can hold, but changes those there are', async () => {
    for (let i = 0; i < MAX_KEYS; i++) api.flags.apply(changed(`flag-${i}`, 1, { deleted: i === 7 }));
    const { body } = await request(api.url).put('/flags/one-more').send({ enabled: true }).expect(409);
    expect(body).toMatchObject({ code: 'FLAGS_LIMIT_REACHED' });
    await request(api.url).put('/flags/flag-7').send({ enabled: true }).expect(201);
  });

  it('gives two replicas on one database distinct versions', async () => {
    const second = await runApi({ file: folder.file('flags.db') });
    try {
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          request((i % 2 ? api : second).url)
            .put('/flags/a')
            .send({ enabled: true }),
        ),
      );
      const versions = answers.map(({ body }) => (body as { flag: { version: number } }).flag.version);
      expect(new Set(versions).size).toBe(20);
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    } finally {
      await second.app.close();
    }
  });

  it('answers its readiness, and how good its flags are', async () => {
    api.cluster.state = { fresh: false, reasons: ['landing-1 is silent'] };
    const { body } = await request(api.url).get('/health').expect(200);
    expect(body).toMatchObject({
      status: 'ready',
      node: 'self',
      flags: { stale: true, reasons: ['landing-1 is silent'] },
    });
  });
});

describe('what the api answers to other members', () => {
  let folder: TemporaryFolder;
  let api: RunningApp;
  beforeEach(async () => {
    folder = temporaryFolder();
    api = await runApi({ file: folder.file('flags.db') });
  });
  afterEach(async () => {
    await api.app.close();
    folder.remove();
  });

  it('is the history of a flag, read as it is taken', async () => {
    await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    await request(api.url).delete('/flags/a').expect(200);
    const controller = api.app.get(FlagHistoryController, { strict: false });
    const rest = { key: 'a', at: expect.any(String), by: 'self', answeredBy: 'self' };
    expect(await collect(controller.history({ key: 'a' }))).toEqual([
      { ...rest, version: 2, enabled: false, deleted: true },
      { ...rest, version: 1, enabled: true, deleted: false },
    ]);
    expect(await collect(controller.history({ key: 'a', limit: 1 }))).toHaveLength(1);
    expect(() => controller.history({ key: 'No!' })).toThrow(RpcException);
  });

  it('is a price', () => {
    const controller = api.app.get(PricingController, { strict: false });
    expect(controller.quote({ people: 25 })).toMatchObject({ bags: { count: 4 }, answeredBy: 'self' });
    expect(() => controller.quote({ people: 0 })).toThrow(RpcException);
  });
});

describe('the api without its database', () => {
  let folder: TemporaryFolder;
  beforeEach(() => {
    folder = temporaryFolder();
  });
  afterEach(() => folder.remove());

  it('starts all the same, answers 503 with the reason, and works once the file can be opened', async () => {
    const file = folder.file('flags.db');
    mkdirSync(file); // a folder in its place: unwritable even for root
    const api = await runApi({ file });
    try {
      const answers = [
        await request(api.url).put('/flags/a').send({ enabled: true }),
        await request(api.url).delete('/flags/a'),
        await request(api.url).get('/flags'),
        await request(api.url).get('/flags/a'),
      ];
      for (const { status, body, headers } of answers) {
        expect(status).toBe(503);
        expect(body).toMatchObject({ statusCode: 503, message: expect.stringContaining(file) });
        expect(headers).toHaveProperty('retry-after');
      }
      expect(answers.map(({ body }) => (body as { code: string }).code)).toEqual([
        'FLAGS_DATABASE_UNAVAILABLE',
        'FLAGS_DATABASE_UNAVAILABLE',
        'FLAGS_NOT_LOADED',
        'FLAGS_NOT_LOADED',
      ]);
      expect((await request(api.url).get('/health').expect(200)).body).toMatchObject({ flags: { stale: true } });

      const history = api.app.get(FlagHistoryController, { strict: false }).history({ key: 'a' });
      const refusal = await collect(history).catch((error: RpcException) => error.getError());
      expect(refusal).toMatchObject({ code: 'FLAGS_DATABASE_UNAVAILABLE', answeredBy: 'self' });
      expect(JSON.stringify(refusal)).not.toContain(file);

      folder.remove();
      await eventually(async () => (await request(api.url).get('/flags')).status === 200);
      await request(api.url).put('/flags/a').send({ enabled: true }).expect(201);
    } finally {
      await api.app.close();
    }
  }, 20_000);
});
