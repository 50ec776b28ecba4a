import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, Injectable, Module, type OnModuleInit } from '@nestjs/common';
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
