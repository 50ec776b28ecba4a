/** Api and landing replicas together: processes, sockets, one database. What the samples are there to show. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { EventStream } from './support/event-stream.js';
import { eventually } from './support/eventually.js';
import { openStore } from './support/flag-store.js';
import { type Program, Programs } from './support/program.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

/** Writes of both apis to one flag, twenty at once. */
const WRITES = 1_000;

interface Member {
  readonly name: string;
}

describe('two api and two landing replicas', () => {
  const names = ['api-1', 'api-2', 'landing-1', 'landing-2'] as const;
  const programs = new Programs();
  const replicas = new Map<string, Program>();
  const urls = new Map<string, string>();
  let folder: TemporaryFolder;

  const at = (name: (typeof names)[number]) => request(urls.get(name)!);
  const flagsAt = async (name: (typeof names)[number]) =>
    (await at(name).get('/flags').expect(200)).body as { flags: { key: string; version: number }[]; stale: boolean };
  const membersAt = async (name: (typeof names)[number]) =>
    ((await at(name).get('/cluster').expect(200)).body as { members: Member[] }).members
      .map((member) => member.name)
      .sort();

  beforeAll(async () => {
    folder = temporaryFolder();
    for (const name of names) {
      const app = name.startsWith('api') ? 'api' : 'landing';
      replicas.set(name, programs.start(app, { NODE_NAME: name, FLAGS_FILE: folder.file('flags.db') }));
    }
    for (const [name, replica] of replicas) urls.set(name, await replica.url());
    for (const name of names) {
      await eventually(async () => (await membersAt(name)).length === 3 && !(await flagsAt(name)).stale, 20_000);
    }
  }, 60_000);
  afterAll(() => {
    programs.kill();
    folder.remove();
  });

  it('have a change live everywhere by the time it is answered, open pages included', async () => {
    const page = await EventStream.open(`${urls.get('landing-1')}/live`);
    await page.heard(({ data }) => data.includes('Pay by the bag'));
    const { body } = await at('api-1').put('/flags/new-pricing').send({ enabled: true }).expect(201);
    const { live } = body as { live: { confirmed: string[] } };
    expect(live).toMatchObject({ failed: [], pending: [] });
    expect(live.confirmed.sort()).toEqual(['api-2', 'landing-1', 'landing-2']);
    for (const name of names)
      expect(await flagsAt(name)).toMatchObject({ flags: [{ key: 'new-pricing', version: 1 }] });
    await page.heard(({ data }) => data.includes('Most offices'));
    page.close();
  }, 30_000);

  it('end with the same version everywhere when both apis write one flag at once', async () => {
    let next = 0;
    let newest = { version: 0 };
    const write = async (): Promise<void> => {
      while (next < WRITES) {
        const i = next++;
        const { body } = await at(i % 2 ? 'api-1' : 'api-2')
          .put('/flags/contested')
          .send({ enabled: i % 3 === 0 })
          .expect((response) => response.ok);
        const { flag } = body as { flag: { version: number } };
        if (flag.version > newest.version) newest = flag;
      }
    };
    await Promise.all(Array.from({ length: 20 }, write));
    expect(newest.version).toBe(WRITES);
    for (const name of names) {
      const { body } = await at(name).get('/flags/contested').expect(200);
      const { deleted: _, ...expected } = newest as { version: number; deleted?: boolean };
      expect(body).toMatchObject({ flag: expected, stale: false });
    }
  }, 120_000);

  it('heal by themselves when an api dies between the database and the announcement', async () => {
    const { store, close } = openStore({ file: folder.file('flags.db') });
    await store.put('unannounced', { enabled: true }, 'test');
    await close();
    replicas.get('api-1')?.process.kill('SIGKILL');
    for (const name of ['api-2', 'landing-1', 'landing-2'] as const) {
      await eventually(async () => (await flagsAt(name)).flags.some(({ key }) => key === 'unannounced'));
      await eventually(async () => !(await flagsAt(name)).stale);
    }
  }, 30_000);

  it('need no healing when one says goodbye', async () => {
    replicas.get('landing-2')?.process.kill('SIGTERM');
    await replicas.get('landing-2')?.exited;
    const { body } = await at('api-2').put('/flags/new-pricing').send({ enabled: false }).expect(200);
    expect((body as { live: object }).live).toMatchObject({ confirmed: ['landing-1'], failed: [], pending: [] });
    expect(replicas.get('landing-1')?.output.text).not.toContain('Gap: publications of landing-2');
    // Whoever redials in that very moment wants to see a refusal first.
    await eventually(async () => !(await flagsAt('landing-1')).stale);
  }, 30_000);
});
