/** How the applications end: what is being answered is finished, and nobody's open connection holds them up. */
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import request from 'supertest';
import type { ConfirmedPublication } from 'rookery';
import { EventStream } from './support/event-stream.js';
import { eventually } from './support/eventually.js';
import { Programs } from './support/program.js';
import { runApi, runLanding } from './support/running-app.js';
import { type TemporaryFolder, temporaryFolder } from './support/temporary-folder.js';

beforeAll(() => Logger.overrideLogger(false));

let folder: TemporaryFolder;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** Milliseconds until it resolves. */
async function timeOf(action: Promise<unknown>): Promise<number> {
  const beganAt = performance.now();
  await action;
  return performance.now() - beganAt;
}

interface Answer {
  readonly status: number | undefined;
  /** Whether it asks the client to send no other request on this connection. */
  readonly isLast: boolean;
}

function load(url: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    httpRequest(url, { agent }, (response) => {
      const { statusCode: status, headers } = response;
      response
        .resume()
        .on('end', () => resolve({ status, isLast: headers.connection === 'close' }))
        .on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}

/** A client with one kept connection, which loads pages one after another until it is told that this was the last. */
async function loadUntilTold(url: string): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Answer[] = [];
  try {
    while (answers.at(-1)?.isLast !== true) answers.push(await load(url, agent));
    return answers;
  } finally {
    agent.destroy();
  }
}

describe('shutdown', () => {
  it('first serves on, while it says that it is draining and asks its clients to close their connections', async () => {
    const landing = await runLanding({ file: folder.file('flags.db') }, 0, 1_000);
    const kept = loadUntilTold(landing.url);
    await request(landing.url).get('/health').expect(200);
    const closed = timeOf(landing.app.close());
    const { body } = await eventually(() => request(landing.url).get('/health').expect(503));
    expect(body).toMatchObject({ status: 'draining' });
    await request(landing.url).get('/').expect(200).expect('Connection', 'close');
    const answers = await kept;
    expect(answers.filter(({ isLast }) => isLast)).toHaveLength(1);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(await closed).toBeGreaterThan(900);
    await expect(load(landing.url, new Agent())).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('ends the streams of open pages properly, and soon', async () => {
    const landing = await runLanding({ file: folder.file('flags.db') });
    const streams = await Promise.all(Array.from({ length: 20 }, () => EventStream.open(`${landing.url}/live`)));
    await Promise.all(streams.map((stream) => stream.heard(() => true)));
    expect(await timeOf(landing.app.close())).toBeLessThan(2_000);
    await eventually(() => streams.every(({ end }) => end === 'ended'));
  });

  it('answers the request that it was at work on, though the connection could be kept', async () => {
    const api = await runApi({ file: folder.file('flags.db') });
    let confirm = (_outcome: ConfirmedPublication): void => undefined;
    const asked = new Promise<void>((heard) => {
      api.cluster.publishConfirmed = () => {
        heard();
        return new Promise((resolve) => (confirm = resolve));
      };
    });
    const agent = new Agent({ keepAlive: true });
    const put = httpRequest(`${api.url}/flags/a`, {
      method: 'PUT',
      agent,
      headers: { 'content-type': 'application/json' },
    });
    const answered = once(put, 'response');
    put.end('{"enabled":true}');
    await asked;
    const closed = timeOf(api.app.close());
    await eventually(() =>
      request(api.url)
        .get('/health')
        .then(
          () => false,
          () => true,
        ),
    ); // listens no more
    confirm({ confirmed: [], failed: [], pending: [] });
    const [response] = (await answered) as [{ statusCode: number; resume(): void }];
    expect(response.statusCode).toBe(201);
    response.resume();
    expect(await closed).toBeLessThan(3_000);
    agent.destroy();
  });

  it('does not wait for ever for a client that sends half a request', async () => {
    const api = await runApi({ file: folder.file('flags.db') });
    const { hostname, port } = new URL(api.url);
    const client = connect(Number(port), hostname);
    client.on('error', () => undefined); // it is cut off in the end
    client.write('PUT /flags/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{');
    await eventually(
      () =>
        new Promise<boolean>((resolve) =>
          api.app.getHttpServer().getConnections((_: unknown, count: number) => resolve(count === 1)),
        ),
    );
    expect(await timeOf(api.app.close())).toBeLessThan(8_000);
  }, 20_000);

  it.each([
    ['joining', 503, 'starting'],
    ['joined', 200, 'ready'],
    ['draining', 503, 'draining'],
    ['left', 503, 'draining'],
  ] as const)('answers readiness while %s with %d, and is alive', async (phase, status, word) => {
    const landing = await runLanding({ file: folder.file('flags.db') });
    landing.lifecycle.phase = phase;
    const { body } = await request(landing.url).get('/health').expect(status);
    expect(body).toMatchObject({ status: word });
    await request(landing.url).get('/health/live').expect(200, { status: 'alive' });
    await landing.app.close();
  });
});

describe('the programs', () => {
  const programs = new Programs();
  afterEach(() => programs.kill());

  it.each(['api', 'landing'] as const)(
    '%s prints its address, and ends soon on SIGTERM',
    async (app) => {
      const program = programs.start(app, { FLAGS_FILE: folder.file('flags.db') });
      const url = await program.url();
      await request(url).get('/health').expect(200);
      const stream = app === 'landing' ? await EventStream.open(`${url}/live`) : undefined;
      await stream?.heard(() => true);
      program.process.kill('SIGTERM');
      expect(await timeOf(program.exited)).toBeLessThan(5_000);
      if (stream !== undefined) await eventually(() => stream.end === 'ended');
    },
    40_000,
  );

  it('landing serves on as long as it was told to, also when it is told to end a second time', async () => {
    const program = programs.start('landing', { FLAGS_FILE: folder.file('flags.db'), HTTP_DRAIN_MS: '1500' });
    const url = await program.url();
    const beganAt = performance.now();
    program.process.kill('SIGTERM');
    await eventually(() => request(url).get('/health').expect(503));
    program.process.kill('SIGTERM');
    program.process.kill('SIGINT');
    await request(url).get('/').expect(200).expect('Connection', 'close');
    await program.exited;
    expect(performance.now() - beganAt).toBeGreaterThan(1_490);
  }, 40_000);

  it('landing answers every request of clients that leave when they are told to', async () => {
    const program = programs.start('landing', { FLAGS_FILE: folder.file('flags.db') });
    const url = await program.url();
    const clients = Array.from({ length: 8 }, () => loadUntilTold(url));
    await load(url, new Agent());
    program.process.kill('SIGTERM');
    const answers = (await Promise.all(clients)).flat();
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    await program.exited;
  }, 40_000);

  it.each(['api', 'landing'] as const)(
    '%s does not start with variables that cannot work, and names all of them',
    async (app) => {
      const program = programs.start(app, { HTTP_PORT: 'x', CLUSTER_PEERS: 'nowhere', CLUSTER_COOKIE: '' });
      const [code] = await program.exited;
      expect(code).not.toBe(0);
      const names = ['HTTP_PORT', 'CLUSTER_PEERS', 'CLUSTER_COOKIE'];
      await eventually(() => names.every((name) => program.output.text.includes(name)));
    },
    40_000,
  );
});
