/** What visitors and operators see while a replica is really cut off from another: a process that is stopped, and goes on. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import request from 'supertest';
import { EventStream } from './support/event-stream.js';
import { eventually } from './support/eventually.js';
import { type Program, Programs } from './support/program.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

interface FlagsAnswer {
  readonly flags: readonly { readonly key: string; readonly version: number }[];
  readonly stale: boolean;
  readonly reasons: readonly string[];
}

/** The limit is 6 s, and a machine may be busy. */
const STALE_WITHIN_MS = 20_000;
const NOTE = 'This page may be out of date';

const programs = new Programs();
let folder: TemporaryFolder;
let api: Program;
let apiUrl: string;
let landingUrl: string;
let page: EventStream;

const flagsAtLanding = async (): Promise<FlagsAnswer> =>
  (await request(landingUrl).get('/flags').expect(200)).body as FlagsAnswer;
/** The newest message about freshness that the open page was sent. */
const noteOnPage = (): string | undefined =>
  page.messages
    .map(({ data }) => /<div id="freshness"[^]*?<\/div>/.exec(data)?.[0])
    .filter((note) => note !== undefined)
    .at(-1);

beforeAll(async () => {
  folder = temporaryFolder();
  const start = (app: 'api' | 'landing') =>
    programs.start(app, { NODE_NAME: `${app}-1`, FLAGS_FILE: folder.file('flags.db') });
  api = start('api');
  const landing = start('landing');
  [apiUrl, landingUrl] = [await api.url(), await landing.url()];
  await eventually(async () => !(await flagsAtLanding()).stale, 20_000);
  await request(apiUrl).put('/flags/new-pricing').send({ enabled: true }).expect(201);
  page = await EventStream.open(`${landingUrl}/live`);
  await page.heard(({ data }) => data.includes('Most offices'));
}, 60_000);
afterAll(() => {
  page.close();
  programs.kill();
  folder.remove();
});

it('a page says that it may be out of date while an api is silent, goes on serving, and stops saying so by itself', async () => {
  expect(noteOnPage()).not.toContain(NOTE);
  const stoppedAt = performance.now();
  api.process.kill('SIGSTOP');
  try {
    await eventually(() => noteOnPage()?.includes(NOTE), STALE_WITHIN_MS);
    const tookMs = performance.now() - stoppedAt;
    process.stdout.write(`landing: the note came ${(tookMs / 1000).toFixed(1)} s after the api fell silent\n`);
    // No sooner than the limit allows, less what a heartbeat may be old: a note that comes for nothing is soon ignored.
    expect(tookMs).toBeGreaterThan(3_500);
    // The page itself, and why, in words for visitors.
    const { text } = await request(landingUrl).get('/').expect(200);
    expect(text).toContain(NOTE);
    expect(text).toContain('Another of our servers cannot be asked right now');
    expect(text).toContain('Most offices');
    expect(text).not.toMatch(/api-1|unproven-peer|127\.0\.0\.1/);
    // And in words for those who run it.
    const why = expect.stringMatching(/^unproven-peer: api-1 \(127\.0\.0\.1:\d+, suspect\) was last proven caught up/);
    expect(await flagsAtLanding()).toMatchObject({ stale: true, reasons: [why], flags: [{ key: 'new-pricing' }] });
    expect((await request(landingUrl).get('/health').expect(200)).body).toMatchObject({
      flags: { stale: true, reasons: [why] },
    });
  } finally {
    api.process.kill('SIGCONT');
  }
  await eventually(() => noteOnPage()?.includes(NOTE) === false, STALE_WITHIN_MS);
  expect(await flagsAtLanding()).toMatchObject({ stale: false, reasons: [] });
  await request(apiUrl).put('/flags/new-pricing').send({ enabled: false }).expect(200);
  await eventually(() => page.messages.some(({ data }) => data.includes('Pay by the bag')));
  expect(page.end).toBeUndefined();
}, 60_000);

it('a replica that was stopped itself says so in its very first answer', async () => {
  const second = programs.start('landing', { NODE_NAME: 'landing-2', FLAGS_FILE: folder.file('flags.db') });
  const secondUrl = await second.url();
  const flags = async (): Promise<FlagsAnswer> => (await request(secondUrl).get('/flags')).body as FlagsAnswer;
  await eventually(async () => !(await flags()).stale, 20_000);
  second.process.kill('SIGSTOP');
  // Asked while it stands still: the question waits in its socket, and is the first thing that it reads.
  const first = flags();
  // The others close their links after 4 s, redial in vain, and lack a proof after 6 s. It may have had its own last proof
  // of them a second or so after their last one of it.
  await eventually(async () => {
    const { reasons } = await flagsAtLanding();
    const ages = reasons.map((reason) => /^unproven-peer: landing-2 .* caught up ([\d.]+) s ago/.exec(reason)?.[1]);
    return ages.some((age) => Number(age) >= 8);
  }, STALE_WITHIN_MS);
  second.process.kill('SIGCONT');
  const { stale, reasons } = await first;
  expect({ stale, reasons: reasons.join('\n') }).toEqual({
    stale: true,
    reasons: expect.stringMatching(/^unproven-peer: /m),
  });
  await eventually(async () => !(await flags()).stale, STALE_WITHIN_MS);
}, 60_000);
