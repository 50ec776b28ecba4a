/** Landing replicas that come and go under load: 2, 3, 1, 3, as a deployment would scale them. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Agent, get, type IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { once } from 'node:events';
import request from 'supertest';
import { eventually } from './support/eventually.js';
import { type Program, Programs } from './support/program.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

interface Replica {
  readonly name: string;
  readonly program: Program;
  readonly url: string;
}

interface FlagsAnswer {
  readonly flags: readonly { readonly key: string; readonly version: number }[];
  readonly stale: boolean;
}

const programs = new Programs();
const apis: Replica[] = [];
/** What a load balancer would send visitors to: ready, and not told to stop. */
const landings: Replica[] = [];
let folder: TemporaryFolder;
let count = 0;

beforeAll(async () => {
  folder = temporaryFolder();
  apis.push(await start('api'), await start('api'));
  landings.push(await start('landing'), await start('landing'));
}, 60_000);
afterAll(() => {
  programs.kill();
  folder.remove();
});

async function start(app: 'api' | 'landing'): Promise<Replica> {
  const name = `${app}-${++count}`;
  const program = programs.start(app, { NODE_NAME: name, FLAGS_FILE: folder.file('flags.db') });
  const url = await program.url();
  await eventually(async () => (await request(url).get('/health')).status === 200, 20_000);
  return { name, program, url };
}

/** Starts or stops landing replicas until there are `size`. Those that are told to stop get no new visitors. */
async function scale(size: number): Promise<void> {
  const started = await Promise.all(
    Array.from({ length: Math.max(0, size - landings.length) }, () => start('landing')),
  );
  landings.push(...started);
  const stopped = landings.splice(size);
  for (const { program } of stopped) program.process.kill('SIGTERM');
  await Promise.all(stopped.map(({ program }) => program.exited));
}

/** One page as a visitor gets it, over a connection that the browser keeps. */
async function loadPage(url: string, agent: Agent): Promise<string> {
  const asked = get(url, { agent });
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  let html = '';
  for await (const chunk of response) html += String(chunk);
  if (response.statusCode !== 200 || !html.includes('Copper Kettle')) throw new Error(`${url}: ${response.statusCode}`);
  return html;
}

it('lose no page, and hold the newest flag a second after the last change', async () => {
  const agent = new Agent({ keepAlive: true });
  const failures: string[] = [];
  let isOver = false;
  let pages = 0;
  let version = 0;
  const changes = (async () => {
    for (let i = 0; !isOver; i++) {
      const answer = await request(apis[i % 2]!.url)
        .put('/flags/new-pricing')
        .send({ enabled: i % 2 === 0 });
      if (answer.status >= 300) failures.push(`PUT: ${answer.status}`);
      else version = (answer.body as { flag: { version: number } }).flag.version;
      await pause(10);
    }
  })();
  const visits = Array.from({ length: 4 }, async () => {
    for (let i = 0; !isOver; i++) {
      const { name, url } = landings[i % landings.length]!;
      await loadPage(url, agent).then(
        () => pages++,
        (error: unknown) => failures.push(`${name}: ${String(error)}`),
      );
      await pause(5);
    }
  });
  const seen: number[] = [];
  for (const size of [3, 1, 3]) {
    await scale(size);
    const before = version;
    // Every replica lives through some changes at this size.
    await eventually(() => version > before + 20, 20_000);
    seen.push(landings.length);
  }
  isOver = true;
  await Promise.all([changes, ...visits]);
  agent.destroy();
  const lastChangeAt = performance.now();
  for (const { url } of landings) {
    await eventually(async () => {
      const { flags, stale } = (await request(url).get('/flags')).body as FlagsAnswer;
      return !stale && flags.find(({ key }) => key === 'new-pricing')?.version === version;
    }, 1_000);
  }
  process.stdout.write(
    `landing 2, 3, 1, 3: ${pages} pages, ${version} changes, all on the newest ${(performance.now() - lastChangeAt).toFixed(0)} ms after the last\n`,
  );
  expect(failures).toEqual([]);
  expect(seen).toEqual([3, 1, 3]);
  expect(pages).toBeGreaterThan(100);
}, 120_000);
