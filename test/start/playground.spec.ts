/** `npm start`, for real: processes, ports, signals. Whatever runs afterwards is a failure. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import request from 'supertest';
import type { PlaygroundView } from '../../apps/playground/src/watch/playground-view.js';
import { EventStream } from '../apps/support/event-stream.js';
import { eventually } from '../apps/support/eventually.js';
import { isAlive, isFullMesh, Playground } from './support/playground.js';

const NAMES = ['api-1', 'api-2', 'landing-1', 'landing-2', 'landing-3'];
const LIMIT = 120_000;

afterAll(() => Playground.endAll(), LIMIT);

/** Takes a port below those that systems give out by themselves, so that nobody has the next one by chance. */
async function squat(): Promise<Server> {
  for (let port = 20_000 + (process.pid % 5_000); ; port += 10) {
    const server = createServer().listen(port, '127.0.0.1');
    const isMine = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]).catch(() => false);
    if (isMine) return server;
  }
}

describe('npm start', () => {
  let playground: Playground;
  let squatter: Server;

  /** What each replica itself says of a flag. */
  const flagAt = async ({ replicas }: PlaygroundView, key: string) =>
    Promise.all(
      replicas.map(async ({ url }) => {
        const { body } = await request(url!).get(`/flags/${key}`).expect(200);
        return (body as { flag: object }).flag;
      }),
    );

  beforeAll(async () => {
    squatter = await squat();
    const { port } = squatter.address() as AddressInfo;
    playground = await Playground.start({ environment: { PLAYGROUND_API_PORT: String(port) } });
  }, LIMIT);
  afterAll(() => void squatter.close());

  it('prints one table of replicas that are ready, and one address', async () => {
    const { text } = playground.output;
    expect(text).not.toContain('Building'); // the script of this suite has built already
    expect(text.match(/^ {2}replica +pid +address$/gm)).toHaveLength(1);
    expect(text.match(/^ {2}Open /gm)).toHaveLength(1);
    expect(text.split('\n').length).toBeLessThan(20);
    const { replicas } = await playground.view();
    expect(replicas.map(({ name }) => name)).toEqual(NAMES);
    for (const { name, pid, url, state } of replicas) {
      expect(state).toBe('up');
      expect(text).toMatch(new RegExp(`^ {2}${name} +${pid} +${url}$`, 'm'));
      await request(url!).get('/health').expect(200);
    }
  });

  it('gives a replica whose port is taken another one', async () => {
    const { port } = squatter.address() as AddressInfo;
    expect((await playground.replica('api-1')).url).not.toContain(`:${port}`);
    expect((await playground.replica('api-2')).url).toContain(`:${port + 1}`);
  });

  it('brings the flags that the landing page looks at', async () => {
    const { flags } = await playground.shows(({ flags }) => flags.length === 4);
    expect(flags.map(({ key }) => key)).toEqual(['checkout-v2', 'dark-mode', 'new-pricing', 'promo-banner']);
  });

  it('shows links between all of them, and no member of its own', async () => {
    const { replicas } = await playground.shows((view) => isFullMesh(view, 5));
    for (const { url } of replicas) {
      const { body } = await request(url!).get('/cluster').expect(200);
      expect((body as { members: object[] }).members).toHaveLength(4);
    }
  });

  it.each(['api-1', 'api-2'])(
    'spreads a change through %s to every replica by the time it is answered',
    async (via) => {
      await playground.shows((view) => isFullMesh(view, 5));
      const { flags } = await playground.view();
      const { enabled, version } = flags.find(({ key }) => key === 'new-pricing')!;
      const { body } = await playground.put('/flags/new-pricing', { enabled: !enabled, via }).expect(200);
      const others = NAMES.filter((name) => name !== via);
      expect(body).toMatchObject({ via, live: { failed: [], pending: [] } });
      expect((body as { live: { confirmed: string[] } }).live.confirmed.sort()).toEqual(others);
      for (const flag of await flagAt(await playground.view(), 'new-pricing')) {
        expect(flag).toMatchObject({ enabled: !enabled, version: version + 1 });
      }
      const { activity } = await playground.view();
      expect(activity[0]).toMatchObject({ tone: 'good', spread: { from: via } });
      expect(activity[0]?.detail).toMatch(/^through api-\d; live on .*landing-3 in [\d.]+ ms$/);
    },
  );

  it('tells an open page of a change that was made elsewhere, without being asked', async () => {
    const page = await EventStream.open(`${playground.url}/live`);
    const { url } = await playground.replica('api-2');
    await request(url!).put('/flags/made-elsewhere').send({ enabled: true }).expect(201);
    await page.heard(({ data }) => {
      const row = (JSON.parse(data) as PlaygroundView).flags.find(({ key }) => key === 'made-elsewhere');
      return row !== undefined && row.cells.every(({ held, differs }) => held?.enabled === true && !differs);
    });
    page.close();
  });

  it('shows what a landing replica asked, who answered, and what became of a flag that was changed', async () => {
    const { url } = await playground.replica('landing-2');
    await request(url!)
      .get('/')
      .expect(200)
      .expect(/Calculated by <b>api-\d<\/b>/);
    const { replicas } = await playground.shows(({ replicas }) =>
      replicas.some(({ name, calls }) => name === 'landing-2' && calls.length > 0),
    );
    for (const { name, calls } of replicas) {
      if (name === 'landing-2') {
        expect(calls[0]).toMatchObject({ pattern: 'pricing.quote', error: null });
        expect(calls[0]?.member).toMatch(/^api-\d$/);
      } else expect(calls).toEqual([]);
    }

    await playground.put('/flags/promo-banner', { enabled: false, via: 'api-2' }).expect(200);
    const { text } = await request(url!).get('/flags/promo-banner/history').expect(200);
    expect(text).toMatch(/<td>off<\/td><td>.*<\/td><td>api-2<\/td>/);
    await playground.shows(({ replicas }) =>
      replicas.some(({ calls }) => calls[0]?.pattern === 'flags.history' && calls[0].error === null),
    );
    await playground.put('/flags/promo-banner', { enabled: true }).expect(200);
  });

  it('creates a flag, and hands on what the api refuses', async () => {
    await playground.post('/flags/brand-new', { enabled: true, description: 'x' }).expect(201);
    await playground.put('/flags/brand-new', { enabled: true, description: 'x'.repeat(201) }).expect(400);
    await playground.put('/flags/No!', { enabled: true }).expect(400);
    await playground.put('/flags/brand-new', { enabled: true, via: 'landing-1' }).expect(409);
  });

  it('creates no flag that exists already', async () => {
    await playground.post('/flags/only-once', { enabled: true, description: 'the first' }).expect(201);
    for (const via of ['api-1', 'api-2']) {
      const { body } = await playground.post('/flags/only-once', { enabled: false, description: '', via }).expect(409);
      expect(body).toMatchObject({
        code: 'FLAG_EXISTS',
        message: 'There is a flag only-once already: its switch changes it.',
      });
    }
    for (const flag of await flagAt(await playground.view(), 'only-once')) {
      expect(flag).toMatchObject({ enabled: true, description: 'the first', version: 1 });
    }
    await playground.put('/flags/only-once', { enabled: false }).expect(200);
  });

  it('changes nothing for another page, and serves nothing under another name', async () => {
    const { pid } = await playground.replica('landing-1');
    const kill = '/replicas/landing-1/kill';
    const { host, port } = new URL(playground.url);
    await request(playground.url).post(kill).expect(403);
    for (const origin of ['https://evil.example', 'null', `http://localhost:${port}`, `http://${host}.evil.example`]) {
      await request(playground.url).post(kill).set('Origin', origin).expect(403);
    }
    for (const name of ['evil.example', `evil.example:${port}`, '127.0.0.1']) {
      await request(playground.url).post(kill).set('Host', name).set('Origin', `http://${name}`).expect(403);
      for (const path of ['/', '/view', '/live', '/playground.css']) {
        await request(playground.url).get(path).set('Host', name).expect(403);
      }
    }
    await request(playground.url).get('/replicas/landing-1/kill').set('Origin', playground.url).expect(404);
    expect((await playground.replica('landing-1')).pid).toBe(pid);
    expect(isAlive(pid!)).toBe(true);
    const { headers } = await request(playground.url).get('/').expect(200);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it(
    'kills a replica, which the others lose, and starts it again',
    async () => {
      const { pid } = await playground.replica('landing-2');
      await playground.post('/replicas/landing-2/kill').expect(202);
      const lost = await playground.shows(({ replicas }) =>
        replicas
          .filter(({ name }) => name !== 'landing-2')
          .every(({ sees }) => sees.some(({ name, status }) => name === 'landing-2' && status === 'lost')),
      );
      expect(isAlive(pid!)).toBe(false);
      expect(lost.replicas.find(({ name }) => name === 'landing-2')).toMatchObject({ state: 'dead', pid: null });
      expect(lost.edges.filter(({ kind }) => kind === 'lost')).toHaveLength(4);
      await playground.shows(({ activity }) =>
        activity.some(({ title, detail }) => title === 'landing-2 is lost' && detail.includes('api-1, api-2')),
      );

      await playground.put('/flags/promo-banner', { enabled: false }).expect(200);
      await playground.post('/replicas/landing-2/start').expect(202);
      const back = await playground.shows((view) => isFullMesh(view, 5));
      for (const { cells } of back.flags) expect(cells.every(({ held, differs }) => held && !differs)).toBe(true);
    },
    LIMIT,
  );

  it(
    'stops a replica, which says goodbye, and starts it again',
    async () => {
      await playground.post('/replicas/api-1/stop').expect(202);
      const left = await playground.shows(({ edges }) => edges.filter(({ kind }) => kind === 'left').length === 4);
      expect(left.replicas[0]).toMatchObject({ name: 'api-1', state: 'stopped' });
      await playground.put('/flags/promo-banner', { enabled: true }).expect(200); // through the other one
      await playground.put('/flags/promo-banner', { enabled: true, via: 'api-1' }).expect(409);
      await playground.post('/replicas/api-1/stop').expect(409);
      await playground.post('/replicas/api-1/start').expect(202);
      await playground.shows((view) => isFullMesh(view, 5));
    },
    LIMIT,
  );

  it(
    'starts one more, but not any number of them',
    async () => {
      const { body } = await playground.post('/replicas', { app: 'landing' }).expect(202);
      expect(body).toEqual({ name: 'landing-4' });
      await playground.shows((view) => isFullMesh(view, 6));
      for (let count = 6; count < 12; count++) {
        const answer = await playground.post('/replicas', { app: 'api' }).expect(202);
        await playground.post(`/replicas/${(answer.body as { name: string }).name}/kill`).expect(202);
      }
      const refusal = await playground.post('/replicas', { app: 'api' }).expect(409);
      expect((refusal.body as { message: string }).message).toContain('12 replicas are enough');
      await playground.post('/replicas', { app: 'database' }).expect(400);
      await playground.post('/replicas/somebody/kill').expect(404);
    },
    LIMIT,
  );

  it(
    'is started only once: a second one names the first, and touches nothing',
    async () => {
      // Those that were just killed are known to be.
      const before = await playground.shows(({ replicas }) => replicas.filter(({ pid }) => pid !== null).length === 6);
      const second = Playground.spawn({ folder: playground.folder });
      expect(await second.exited).toEqual([1, null]);
      expect(second.output.text).toContain(`running already: ${playground.url}`);
      // Even with other data, there is only one at a port.
      const elsewhere = Playground.spawn({ environment: { PLAYGROUND_PORT: new URL(playground.url).port } });
      expect(await elsewhere.exited).toEqual([1, null]);
      expect(elsewhere.output.text).toContain(`running already: ${playground.url}`);
      const after = await playground.view();
      expect(after.replicas.map(({ pid }) => pid)).toEqual(before.replicas.map(({ pid }) => pid));
    },
    LIMIT,
  );

  it(
    'says when something else has its port, and how to choose another one',
    async () => {
      const { port } = squatter.address() as AddressInfo;
      const refused = Playground.spawn({ environment: { PLAYGROUND_PORT: String(port) } });
      expect(await refused.exited).toEqual([1, null]);
      expect(refused.output.text).toContain(`Port ${port} of 127.0.0.1 is taken by something else`);
      expect(refused.output.text).toContain('PLAYGROUND_PORT=');
      expect(refused.output.text).not.toContain('EADDRINUSE');
    },
    LIMIT,
  );

  it(
    'ends with all replicas on SIGINT, although a page is open',
    async () => {
      const page = await EventStream.open(`${playground.url}/live`);
      expect(playground.alive().length).toBeGreaterThanOrEqual(6);
      playground.signal('SIGINT');
      expect(await playground.exited).toEqual([0, null]);
      expect(playground.alive()).toEqual([]);
      expect(playground.output.text).toContain('Everything has ended.');
      await eventually(() => page.end !== undefined);
    },
    LIMIT,
  );
});

describe('the replicas of a playground', () => {
  it(
    'end by themselves when it is killed',
    async () => {
      const playground = await Playground.start();
      expect(playground.alive()).toHaveLength(5);
      playground.signal('SIGKILL');
      await eventually(() => playground.alive().length === 0, 20_000);
    },
    LIMIT,
  );

  it(
    'are killed by the second signal, when the first one takes too long',
    async () => {
      const playground = await Playground.start();
      const { pid } = await playground.replica('landing-3');
      process.kill(pid!, 'SIGSTOP'); // it cannot say goodbye now
      playground.signal('SIGHUP');
      await eventually(() => playground.alive().length === 1, 20_000);
      let exit: unknown;
      void playground.exited.then((value) => (exit = value));
      await eventually(() => {
        playground.signal('SIGINT');
        return exit;
      });
      expect(exit).toEqual([130, null]);
      await eventually(() => playground.alive().length === 0);
    },
    LIMIT,
  );

  it(
    'end when npm is told to',
    async () => {
      const playground = await Playground.start({ npm: true });
      playground.signal('SIGTERM');
      // npm itself is gone before what it ran has ended.
      await eventually(() => playground.output.text.includes('Everything has ended'), 20_000);
      expect(playground.alive()).toEqual([]);
    },
    LIMIT,
  );

  it(
    'are shown with the end of their log when they do not come up, and the others serve',
    async () => {
      const script = `if(process.env.NODE_NAME==='landing-2'){console.error('no%20way');process.exit(7)}`;
      const playground = await Playground.start({
        environment: { NODE_OPTIONS: `--import=data:text/javascript,${script}` },
      });
      expect(playground.output.text).toMatch(
        /landing-2 did not come up: ended by itself with code 7\. Its log: .*\n.*\| no way/,
      );
      expect(await playground.replica('landing-2')).toMatchObject({ state: 'dead' });
      await playground.put('/flags/promo-banner', { enabled: false }).expect(200);
      playground.signal('SIGTERM');
      expect(await playground.exited).toEqual([0, null]);
      expect(playground.alive()).toEqual([]);
    },
    LIMIT,
  );
});
