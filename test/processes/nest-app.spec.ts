/** A Nest application as a node: it serves when it has joined, ends in good order and within 10 s, and leaves nothing behind. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { EventStream } from '../apps/support/event-stream.js';
import { eventually } from '../apps/support/eventually.js';
import { Programs } from '../apps/support/program.js';
import { temporaryFolder } from '../apps/support/temporary-folder.js';
import { COOKIE, freePort, joined, NodeProcess, seed, wallMs } from './support/node-process.js';
import { size } from './support/size.js';

const TIMES = size('TIMES', 50, 100);
/** A node that is kept, with its log and its links, takes more than this; what the process warms up to is a part of it. */
const GROWTH_BYTES = 60 * 1024;

const servers: Server[] = [];
const sockets: Socket[] = [];
const programs = new Programs();
afterEach(async () => {
  programs.kill();
  await NodeProcess.endAll();
  for (const server of servers.splice(0)) server.close();
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** An address that takes connections and never says a word. */
async function mutePort(): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

const bare = (name: string, port: number): Promise<NodeProcess> =>
  NodeProcess.start(name, seed(port), { listen: { host: '127.0.0.1', port } });

async function startApp(port: number, httpPort = 0): Promise<{ app: NodeProcess; url: string }> {
  const app = await NodeProcess.spawn('app', { script: 'test/processes/support/nest-app.mjs' });
  await app.open(seed(port), {}, { httpPort });
  return { app, url: await app.ask<string>('url') };
}

interface Footprint {
  /** What keeps the process or could keep it, counted by kind. */
  readonly resources: Record<string, number>;
  /** Listeners of `process`, by event. */
  readonly listeners: Record<string, number>;
  readonly heap: number;
}

interface Page {
  readonly phase: string;
  readonly members: readonly string[];
}

const isRefused = (url: string): Promise<boolean> =>
  fetch(url, { headers: { connection: 'close' } }).then(
    () => false,
    () => true,
  );

describe('a Nest application that starts', () => {
  it('does not listen on HTTP before the first mesh is formed', async () => {
    const peer = await bare('peer', await freePort());
    const httpPort = await freePort();
    const app = await NodeProcess.spawn('app', { script: 'test/processes/support/nest-app.mjs' });
    const opened = app.open(seed(peer.port), {}, { httpPort });
    const page = await eventually(async () => {
      const response = await fetch(`http://127.0.0.1:${httpPort}/members`);
      return (await response.json()) as Page;
    });
    expect(page).toEqual({ phase: 'joined', members: ['peer'] });
    await opened;
  });

  it('waits for an address that does not answer, but 3 s at most', async () => {
    const httpPort = await freePort();
    const app = await NodeProcess.spawn('app', { script: 'test/processes/support/nest-app.mjs' });
    const opened = app.open(seed(await mutePort()), {}, { httpPort });
    let refusals = 0;
    void (async () => {
      while (app.ofKind('bootstrapped').length === 0 && (await isRefused(`http://127.0.0.1:${httpPort}/members`)))
        refusals++;
    })();
    await opened;
    const tookMs = app.readyAt - app.listeningAt;
    process.stdout.write(
      `an address that does not answer: HTTP after ${tookMs.toFixed(0)} ms, ${refusals} connections refused before\n`,
    );
    expect(refusals).toBeGreaterThan(10);
    // The key takes a moment of its own before the 3 s begin.
    expect(tookMs).toBeLessThan(5_000);
  });

  it('does not wait for an address that refuses', async () => {
    const { app } = await startApp(await freePort());
    expect(app.readyAt - app.listeningAt).toBeLessThan(2_500);
  });
});

describe('a Nest application that gets a SIGTERM', () => {
  it('answers what it is at, then sends what was published to the last hook, then says goodbye', async () => {
    const peer = await bare('peer', await freePort());
    const { app, url } = await startApp(peer.port);
    await joined([peer], 1);
    const answer = fetch(`${url}/slow`, { headers: { connection: 'close' } }).then((response) => response.json());
    await app.event('slow.asked');
    const toldAt = wallMs();
    app.signal('SIGTERM');
    await app.event('shutting.down');
    await eventually(() => isRefused(`${url}/members`));
    // Still a member: what the request is about to publish must go out.
    expect(peer.ofKind('member.left')).toEqual([]);
    expect(app.ofKind('http.closed')).toEqual([]);
    await app.ask('finish');
    expect(await answer).toEqual({ answered: true });
    await app.ended(10_000);
    process.stdout.write(`SIGTERM: the application ended after ${(wallMs() - toldAt).toFixed(0)} ms\n`);
    await peer.event('member.left', 'app');
    for (const stream of ['http', 'hook']) {
      expect(await peer.stream(app, stream)).toMatchObject({ count: 1, missed: 0 });
    }
    expect(app.events.map(({ event }) => event)).toEqual([
      'spawned',
      'bootstrapped',
      'slow.asked',
      'shutting.down',
      'http.closed',
    ]);
    expect(peer.journal()).toEqual(['member.up app', 'member.left app']);
    expect((await peer.heard()).anomalies).toEqual([]);
  });

  it('ends within 10 s though pages are open that nobody ends, and a peer is stopped', async () => {
    const peer = await bare('peer', await freePort());
    const stopped = await NodeProcess.start('stopped', seed(peer.port));
    const { app, url } = await startApp(peer.port);
    await joined([peer, stopped], 2);
    const pages = await Promise.all(Array.from({ length: 5 }, () => EventStream.open(`${url}/endless`)));
    await Promise.all(pages.map((page) => page.heard(() => true)));
    stopped.signal('SIGSTOP');
    const toldAt = wallMs();
    app.signal('SIGTERM');
    await app.ended(10_000);
    process.stdout.write(
      `SIGTERM with open pages and a stopped peer: the application ended after ${(wallMs() - toldAt).toFixed(0)} ms\n`,
    );
    expect((await peer.event('member.left', 'app')).reason).toBe('goodbye');
    expect(await peer.stream(app, 'hook')).toMatchObject({ count: 1, missed: 0 });
    expect(peer.ofKind('gap')).toEqual([]);
    await eventually(() => pages.every(({ end }) => end !== undefined));
  }, 40_000);

  it('of the samples ends within 10 s beside a stopped replica, and the streams of its pages end properly', async () => {
    const folder = temporaryFolder();
    const environment = { FLAGS_FILE: folder.file('flags.db') };
    const [leaver, stopped] = [programs.start('landing', environment), programs.start('landing', environment)];
    const url = await leaver.url();
    await stopped.url();
    await eventually(async () => {
      const view = await (await fetch(`${url}/cluster`, { headers: { accept: 'application/json' } })).text();
      return /"status":"up"/.test(view.replace(/\s/g, ''));
    });
    const pages = await Promise.all(Array.from({ length: 5 }, () => EventStream.open(`${url}/live`)));
    await Promise.all(pages.map((page) => page.heard(() => true)));
    stopped.process.kill('SIGSTOP');
    const toldAt = wallMs();
    leaver.process.kill('SIGTERM');
    await leaver.exited;
    const tookMs = wallMs() - toldAt;
    process.stdout.write(
      `SIGTERM of a sample with open pages and a stopped peer: ended after ${tookMs.toFixed(0)} ms\n`,
    );
    expect(tookMs).toBeLessThan(10_000);
    await eventually(() => pages.every(({ end }) => end === 'ended'));
    folder.remove();
  }, 60_000);
});

describe('closing', () => {
  it.each([
    ['a Nest application that listens', false],
    ['a bare node', true],
  ] as const)(
    `%s ${TIMES} times in one process leaves no handle behind`,
    async (_what, isBare) => {
      const peer = await bare('peer', await freePort());
      const host = await NodeProcess.spawn('host', { script: 'test/processes/support/nest-app.mjs' });
      const settings = {
        options: { name: 'app', cookie: COOKIE, listen: { host: '127.0.0.1', port: 0 } },
        discovery: seed(peer.port),
      };
      const { before, after } = await host.ask<Record<'before' | 'after', Footprint>>('openAndClose', {
        times: TIMES,
        settings,
        isBare,
      });
      const growth = (after.heap - before.heap) / TIMES;
      process.stdout.write(
        `${TIMES} times ${isBare ? 'leave()' : 'app.close()'}: ${JSON.stringify(before.resources)} before, ` +
          `${JSON.stringify(after.resources)} after; the heap grew by ${(growth / 1024).toFixed(1)} KB each time\n`,
      );
      expect(after.resources).toEqual(before.resources);
      expect(after.listeners).toEqual(before.listeners);
      // Of a Nest application something stays with Nest itself, also without the cluster in it.
      if (isBare) expect(growth).toBeLessThan(GROWTH_BYTES);
      await peer.until(() => peer.ofKind('member.left').length === TIMES + 2, 'every goodbye');
      expect(peer.ofKind('gap')).toEqual([]);
    },
    60_000 + TIMES * 1_000,
  );
});
