import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { Agent, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type BeforeApplicationShutdown,
  Controller,
  Get,
  type INestApplication,
  Injectable,
  Module,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster, ClusterError, ClusterLifecycle, ClusterModule, ClusterOptionsError, OnClusterEvent } from 'rookery';
import { appWith, silent, start, startHttp } from './app.js';
import { FakeCluster } from './fake-cluster.js';

// Without a cookie of its own, a cluster makes one in the home directory.
const home = process.env['HOME'];
beforeAll(() => {
  process.env['HOME'] = mkdtempSync(join(tmpdir(), 'rookery-home-'));
});
afterAll(() => {
  process.env['HOME'] = home;
});

@Injectable()
class Handler {
  @OnClusterEvent('lifecycle.tested')
  handle(): void {}
}

afterEach(() => {
  jest.restoreAllMocks();
});

describe('starting', () => {
  it('subscribes every handler before the node opens, and waits for the first mesh', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [Handler] }, cluster);

    expect(cluster.calls).toEqual(['start with 1 subscribed', 'ready']);
    expect(app.get(ClusterLifecycle).phase).toBe('joined');
    await app.close();
  });

  it('makes listening wait for the node', async () => {
    const cluster = new FakeCluster();
    const app = (await appWith({ providers: [Handler] }, cluster).compile()).createNestApplication({ logger: false });

    await app.listen(0, '127.0.0.1');
    expect(cluster.calls).toContain('ready');
    await app.close();
  });

  it('comes before the bootstrap of other modules, and after their initialization', async () => {
    const cluster = new FakeCluster();
    @Injectable()
    class Loader implements OnModuleInit {
      onModuleInit(): void {
        cluster.calls.push('loaded');
      }
      onApplicationBootstrap(): void {
        cluster.calls.push('bootstrapped');
      }
    }
    const app = await start({ providers: [Loader] }, cluster);

    expect(cluster.calls).toEqual(['loaded', 'start with 0 subscribed', 'ready', 'bootstrapped']);
    await app.close();
  });

  it('rejects the start of the application when the node cannot start, with nothing left subscribed', async () => {
    const cluster = new FakeCluster();
    cluster.startError = new ClusterError('CLUSTER_LISTEN_FAILED', 'port 4370 is in use');
    const app = (await appWith({ providers: [Handler] }, cluster).compile()).createNestApplication({ logger: false });

    await expect(app.listen(0, '127.0.0.1')).rejects.toMatchObject({ code: 'CLUSTER_LISTEN_FAILED' });
    expect(app.getHttpServer().listening).toBe(false);
    expect(cluster.subscriptions.size).toBe(0);
    await app.close();
    expect(cluster.calls).not.toContain('leave');
  });

  it('rejects the creation of the application when the options cannot work, with all problems at once', async () => {
    const creation = Test.createTestingModule({
      imports: [ClusterModule.forRoot({ name: '', listen: { port: -1 } })],
    })
      .setLogger(silent)
      .compile();

    await expect(creation).rejects.toBeInstanceOf(ClusterOptionsError);
    await expect(creation).rejects.toMatchObject({
      problems: [expect.stringContaining('name'), expect.stringContaining('port')],
    });
  });

  it('names a wrong delay together with what is wrong for the node', async () => {
    const creation = Test.createTestingModule({
      imports: [ClusterModule.forRoot({ name: '', drainDelayMs: -1, drainDelay: 5 } as object)],
    })
      .setLogger(silent)
      .compile();

    await expect(creation).rejects.toBeInstanceOf(ClusterOptionsError);
    await expect(creation).rejects.toMatchObject({
      problems: [
        expect.stringContaining('name'),
        expect.stringContaining("Did you mean 'drainDelayMs'?"),
        expect.stringContaining('drainDelayMs: must be'),
      ],
    });
  });

  it('works in an application context, without HTTP', async () => {
    const leave = jest.spyOn(Cluster.prototype, 'leave').mockResolvedValue();
    const started = jest.spyOn(Cluster.prototype, 'start').mockResolvedValue();
    jest.spyOn(Cluster.prototype, 'ready').mockResolvedValue();
    @Module({ imports: [ClusterModule.forRoot({ name: 'worker' })], providers: [Handler] })
    class WorkerModule {}

    const app = await NestFactory.createApplicationContext(WorkerModule, { logger: false });
    expect(started).toHaveBeenCalledTimes(1);
    expect(app.get(Cluster).self.name).toBe('worker');
    await app.close();
    expect(leave).toHaveBeenCalledTimes(1);
  });
});

describe('configuring', () => {
  it('needs no options', async () => {
    const app = await Test.createTestingModule({ imports: [ClusterModule.forRoot()] }).compile();
    expect(app.get(Cluster)).toBeInstanceOf(Cluster);
    await app.close();
  });

  it('takes options from a factory, and from a class', async () => {
    const byFactory = await Test.createTestingModule({
      imports: [
        ClusterModule.forRootAsync({
          inject: ['NAME'],
          provideInjectionTokensFrom: [{ provide: 'NAME', useValue: 'made' }],
          useFactory: (name: string) => Promise.resolve({ name }),
        }),
      ],
    }).compile();
    expect(byFactory.get(Cluster).self.name).toBe('made');

    class Config {
      createClusterOptions(): { name: string } {
        return { name: 'configured' };
      }
    }
    const byClass = await Test.createTestingModule({
      imports: [ClusterModule.forRootAsync({ useClass: Config })],
    }).compile();
    expect(byClass.get(Cluster).self.name).toBe('configured');
  });

  it('is global: other modules inject the cluster without importing it', async () => {
    @Injectable()
    class Deep {
      constructor(readonly cluster: Cluster) {}
    }
    @Module({ providers: [Deep], exports: [Deep] })
    class DeepModule {}
    const cluster = new FakeCluster();
    const app = await start({ imports: [DeepModule] }, cluster);

    expect(app.get(Deep).cluster).toBe(cluster);
    await app.close();
  });

  it('refuses a second import, which would make a second node', async () => {
    @Module({ imports: [ClusterModule.forRoot({ name: 'again' })] })
    class FeatureModule {}

    const app = await appWith({ imports: [FeatureModule] }).compile();
    await expect(app.init()).rejects.toMatchObject({
      code: 'CLUSTER_IMPORTED_TWICE',
      message: expect.stringContaining('once, in the root module'),
    });
  });
});

describe('ending', () => {
  it('marks draining before the HTTP server closes, and leaves after it closed', async () => {
    const cluster = new FakeCluster();
    @Controller()
    class PageController {
      @Get()
      page(): string {
        return 'hello';
      }
    }
    const app = await startHttp({ controllers: [PageController] }, cluster);
    await app.listen(0, '127.0.0.1');
    const lifecycle = app.get(ClusterLifecycle);
    const phases: string[] = [];
    const server = app.getHttpServer() as { close: (done: () => void) => void };
    const close = server.close.bind(server);
    server.close = (done) => {
      phases.push(`closing while ${lifecycle.phase}`);
      close(() => {
        phases.push(`closed while ${lifecycle.phase}, left: ${cluster.calls.includes('leave')}`);
        done();
      });
    };

    await app.close();
    expect(phases).toEqual(['closing while draining', 'closed while draining, left: false']);
    expect(cluster.calls.at(-1)).toBe('leave');
    expect(lifecycle.phase).toBe('left');
  });

  it('does not wait for ever for an open page: it is cut, and the goodbye is said', async () => {
    const cluster = new FakeCluster();
    const app = await startHttp({}, cluster, (created) => {
      created.use('/endless', (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: open\n\n');
      });
    });
    await app.listen(0, '127.0.0.1');
    const lifecycle = app.get(ClusterLifecycle);
    lifecycle.httpGraceMs = 200;
    const [page] = (await once(get(`${await app.getUrl()}/endless`, { agent: false }), 'response')) as [
      IncomingMessage,
    ];
    const cut = new Promise<void>((resolve) => page.on('error', () => undefined).on('close', resolve));
    page.resume();

    const beganAt = performance.now();
    await app.close();
    expect(performance.now() - beganAt).toBeGreaterThan(190);
    await cut;
    expect(cluster.calls.at(-1)).toBe('leave');
    expect(lifecycle.phase).toBe('left');
  });

  it.each([Number.NaN, -1, 2 ** 31, Number.POSITIVE_INFINITY, '7000' as never])(
    'refuses %p ms as the time that the HTTP server is given',
    async (httpGraceMs) => {
      const app = await start({});
      const lifecycle = app.get(ClusterLifecycle);

      expect(() => (lifecycle.httpGraceMs = httpGraceMs)).toThrow(ClusterOptionsError);
      expect(lifecycle.httpGraceMs).toBe(7_000);
      await app.close();
    },
  );

  it('still sends what others publish in their own shutdown hooks', async () => {
    const cluster = new FakeCluster();
    @Injectable()
    class LastWords {
      constructor(private readonly node: Cluster) {}
      onApplicationShutdown(): void {
        this.node.publish('worker.stopped', { clean: true });
        cluster.calls.push('last words');
      }
    }
    const app = await start({ providers: [LastWords] }, cluster);

    await app.close();
    expect(cluster.calls.slice(-2)).toEqual(['last words', 'leave']);
    expect(cluster.subscriptions.size).toBe(0);
  });

  it('does not hang, and says no goodbye, when the application never started', async () => {
    const cluster = new FakeCluster();
    const app = await appWith({ providers: [Handler] }, cluster).compile();

    await app.close();
    expect(cluster.calls).toEqual([]);
  });

  it('says goodbye although the HTTP port was taken, where the application is closed then', async () => {
    const first = (await appWith({}).compile()).createNestApplication({ logger: false });
    await first.listen(0, '127.0.0.1');
    const { port } = (first.getHttpServer() as Server).address() as AddressInfo;

    const cluster = new FakeCluster();
    const app = (await appWith({}, cluster).compile()).createNestApplication({ logger: false });
    const listening = app.listen(port, '127.0.0.1').catch(async (error: unknown) => {
      await app.close();
      throw error;
    });
    await expect(listening).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(cluster.calls.slice(-3)).toEqual(['ready', 'drainCalls', 'leave']);
    await first.close();
  });

  it('leaves once when closed twice', async () => {
    const cluster = new FakeCluster();
    const app = await start({}, cluster);

    await app.close();
    await app.close();
    expect(cluster.calls.filter((call) => call === 'leave')).toHaveLength(1);
  });
});

describe('serving on', () => {
  @Controller()
  class PageController {
    @Get()
    page(): string {
      return 'hello';
    }
  }

  /** A listening application that serves on for so long, and what it did to its cluster. */
  async function listening(
    drainDelayMs: number,
    providers: NonNullable<Parameters<typeof appWith>[0]['providers']> = [],
    configure: (app: INestApplication) => void = () => undefined,
  ): Promise<{ app: INestApplication; cluster: FakeCluster; url: string; lifecycle: ClusterLifecycle }> {
    const cluster = new FakeCluster();
    const builder = appWith({ controllers: [PageController], providers }, cluster, { drainDelayMs });
    const app = (await builder.compile()).createNestApplication({ logger: false });
    configure(app);
    await app.listen(0, '127.0.0.1');
    return { app, cluster, url: await app.getUrl(), lifecycle: app.get(ClusterLifecycle) };
  }

  async function load(url: string, agent = new Agent()): Promise<{ status?: number; connection?: string }> {
    const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
    await once(response.resume(), 'end');
    return { status: response.statusCode, connection: response.headers.connection };
  }

  it('answers requests and takes calls for the whole delay, and asks clients to close their connections', async () => {
    const { app, cluster, url, lifecycle } = await listening(400);
    const beganAt = performance.now();
    const closed = app.close();
    // With nothing to end in other modules, the phase changes before anything could be loaded.
    await expect(load(url, new Agent({ keepAlive: true }))).resolves.toEqual({ status: 200, connection: 'close' });
    expect(lifecycle.phase).toBe('draining');
    expect(cluster.calls).not.toContain('drainCalls');

    await closed;
    expect(performance.now() - beganAt).toBeGreaterThan(390);
    expect(cluster.calls.slice(-2)).toEqual(['drainCalls', 'leave']);
    await expect(load(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('is draining before the hooks of others, whose time is a part of the delay', async () => {
    const phases: string[] = [];
    let go = (): void => undefined;
    const held = new Promise<void>((resolve) => (go = resolve));
    @Injectable()
    class Slow implements BeforeApplicationShutdown {
      constructor(private readonly lifecycle: ClusterLifecycle) {}
      async beforeApplicationShutdown(): Promise<void> {
        phases.push(this.lifecycle.phase);
        await held;
      }
    }
    const { app, url } = await listening(300, [Slow]);
    const beganAt = performance.now();
    const closed = app.close();
    await expect(load(url)).resolves.toMatchObject({ status: 200 });
    expect(phases).toEqual(['draining']);
    while (performance.now() - beganAt < 300) await load(url);
    go();
    const heldMs = performance.now() - beganAt;
    await closed;
    expect(performance.now() - beganAt - heldMs).toBeLessThan(250);
  });

  it('gives the HTTP server its time from the end of the delay on', async () => {
    const { app, url, lifecycle } = await listening(300, [], (created) => {
      created.use('/endless', (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: open\n\n');
      });
    });
    lifecycle.httpGraceMs = 100;
    const beganAt = performance.now();
    const [page] = (await once(get(`${url}/endless`, { agent: false }), 'response')) as [IncomingMessage];
    const cut = new Promise<number>((resolve) =>
      page.on('error', () => undefined).on('close', () => resolve(performance.now() - beganAt)),
    );
    page.resume();
    await app.close();
    expect(await cut).toBeGreaterThan(390);
  });

  it('serves on once for all who close it', async () => {
    const { app, cluster, url } = await listening(200);
    const closings = [app.close(), app.close()];
    await expect(load(url)).resolves.toMatchObject({ status: 200 });
    await Promise.all([...closings, app.close()]);
    await app.close();
    expect(cluster.calls.filter((call) => call === 'drainCalls' || call === 'leave')).toEqual(['drainCalls', 'leave']);
  });

  it('keeps to one drain although the hooks are called again meanwhile', async () => {
    const { app, cluster, lifecycle } = await listening(200);
    lifecycle.onModuleDestroy();
    const first = lifecycle.beforeApplicationShutdown();
    lifecycle.onModuleDestroy();
    await Promise.all([first, lifecycle.beforeApplicationShutdown()]);
    await app.close();
    expect(cluster.calls.filter((call) => call === 'drainCalls')).toHaveLength(1);
  });

  it('does not wait where nothing listens', async () => {
    const cluster = new FakeCluster();
    const builder = appWith({}, cluster, { drainDelayMs: 600_000 });
    const app = await (await builder.compile()).createNestApplication({ logger: false }).init();
    await app.close();
    expect(cluster.calls.slice(-2)).toEqual(['drainCalls', 'leave']);
  });

  it('waits where there is no HTTP at all, for calls come all the same', async () => {
    const cluster = new FakeCluster();
    const app = await (await appWith({}, cluster, { drainDelayMs: 200 }).compile()).init();
    const beganAt = performance.now();
    await app.close();
    expect(performance.now() - beganAt).toBeGreaterThan(190);
    expect(cluster.calls.slice(-2)).toEqual(['drainCalls', 'leave']);
  });

  it('does not wait for a connection that was promised to be kept and idles', async () => {
    let answer = (): void => undefined;
    const { app, url } = await listening(0, [], (created) => {
      created.use('/late', (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': 4 }).write('la'); // its headers are gone before the end begins
        answer = () => response.end('te');
      });
    });
    const agent = new Agent({ keepAlive: true });
    const [late] = (await once(get(`${url}/late`, { agent }), 'response')) as [IncomingMessage];
    expect(late.headers.connection).toBe('keep-alive');
    const server = app.getHttpServer() as Server;
    const closed = app.close();
    while (server.listening) await load(url).catch(() => undefined); // refused once it is closing
    const answeredAt = performance.now();
    answer();
    await once(late.resume(), 'end');
    await closed;
    expect(performance.now() - answeredAt).toBeLessThan(2_000);
    agent.destroy();
  });
});
