/** What the replicas of the samples ask each other, as processes: who answers, and what visitors see when nobody does. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import type { RecentCall } from '../../apps/landing/src/calls/recent-calls.js';
import { eventually } from './support/eventually.js';
import { type Program, Programs } from './support/program.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

describe('a landing replica and two apis', () => {
  const programs = new Programs();
  const apis = new Map<string, Program>();
  const urls = new Map<string, string>();
  let folder: TemporaryFolder;

  const at = (name: string) => request(urls.get(name)!);
  const page = async (): Promise<string> => (await at('landing-1').get('/').expect(200)).text;
  const answererOf = (text: string): string | undefined => /Calculated by <b>(.*?)<\/b>/.exec(text)?.[1];
  const calls = async (): Promise<RecentCall[]> =>
    ((await at('landing-1').get('/calls').expect(200)).body as { calls: RecentCall[] }).calls;
  const history = async (key: string): Promise<string> =>
    (await at('landing-1').get(`/flags/${key}/history`).expect(200)).text;

  beforeAll(async () => {
    folder = temporaryFolder();
    const start = (app: 'api' | 'landing', name: string) =>
      programs.start(app, { NODE_NAME: name, FLAGS_FILE: folder.file('flags.db') });
    for (const name of ['api-1', 'api-2']) apis.set(name, start('api', name));
    const landing = start('landing', 'landing-1');
    for (const [name, program] of [...apis, ['landing-1', landing] as const]) urls.set(name, await program.url());
    const seen = new Set<string | undefined>();
    await eventually(async () => seen.add(answererOf(await page())).has('api-1') && seen.has('api-2'), 20_000);
  }, 60_000);
  afterAll(() => {
    programs.kill();
    folder.remove();
  });

  it('show the price on the page with who calculated it, both apis in turn', async () => {
    const answerers = new Set<string | undefined>();
    for (let i = 0; i < 25; i++) answerers.add(answererOf(await page()));
    expect(answerers).toEqual(new Set(['api-1', 'api-2']));
    expect(await page()).toContain('€96.00 a month: 4 bags');
    const [newest] = await calls();
    expect(newest).toMatchObject({ pattern: 'pricing.quote', error: null });
    expect(newest?.member).toMatch(/^api-[12]$/);
    expect(await calls()).toHaveLength(20);
  });

  it('refuse what cannot be asked, in words and with a code of their own', async () => {
    const { text } = await at('landing-1').get('/quote?people=many').expect(200);
    expect(text).toContain('We can calculate it for 1 to 500 people.');
    expect((await calls())[0]).toMatchObject({ error: 'PRICING_INVALID_REQUEST', member: expect.any(String) });
    await at('landing-1')
      .get('/flags/No!/history')
      .expect(400)
      .expect(/FLAGS_INVALID_REQUEST/);
    await at('landing-1').get('/flags/new-pricing/history?limit=0').expect(400);
  });

  it('tell the history of a flag, with who made each change, whichever of them is asked', async () => {
    await at('api-1').put('/flags/told').send({ enabled: true }).expect(201);
    await at('api-2').put('/flags/told').send({ enabled: false }).expect(200);
    await at('api-1').delete('/flags/told').expect(200);
    for (let i = 0; i < 2; i++) {
      const text = await history('told');
      const rows = [...text.matchAll(/<tr><td>(\d+)<\/td><td>(\w+)<\/td><td>.*?<\/td><td>(.*?)<\/td><\/tr>/g)];
      expect(rows.map(([, version, state, by]) => `${version} ${state} ${by}`)).toEqual([
        '3 deleted api-1',
        '2 off api-2',
        '1 on api-1',
      ]);
      expect(text).toMatch(/3 changes, the newest first, told by <b>api-[12]<\/b>/);
    }
  });

  it('stream a history of many pages', async () => {
    const count = 130;
    for (let i = 0; i < count; i++)
      await at('api-1')
        .put('/flags/busy')
        .send({ enabled: i % 2 === 0 });
    const text = await history('busy');
    expect(text.match(/<tr><td>/g)).toHaveLength(count);
    expect(text).toContain(`${count} changes`);
  }, 30_000);

  it('have every price calculated while one api is stopped, and leave the page whole when the other one dies', async () => {
    const stopping = apis.get('api-1')!;
    stopping.process.kill('SIGTERM');
    let hasEnded = false;
    void stopping.exited.then(() => (hasEnded = true));
    while (!hasEnded) expect(answererOf(await page())).toMatch(/^api-[12]$/);
    expect(answererOf(await page())).toBe('api-2');
    apis.get('api-2')?.process.kill('SIGKILL');
    const without = await eventually(async () => {
      const text = await page();
      return text.includes('None of our servers that can calculate it is there right now') ? text : undefined;
    });
    expect(without).toContain('Pay by the bag');
    expect(answererOf(without)).toBeUndefined();
    expect((await calls())[0]).toMatchObject({ pattern: 'pricing.quote', error: 'NO_PEER' });
    await at('landing-1').get('/flags/told/history').expect(503);
  }, 30_000);
});
