/** The kinds of applications that serve, from their start to their end: numbers in brackets are those of docs/nest-expectations.md. */
import { Controller, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { Cluster, CLUSTER_TRANSPORT, ClusterClient, ClusterContext, ClusterLifecycle, ClusterServer } from 'rookery';
import { lastValueFrom } from 'rxjs';
import { until } from '../integration/support.js';
import { HttpController } from './http.controller.js';
import { addressOf, closeAll, clusterOf, compile, crowd, failureOf, gate, keep, startMember } from './members.js';

afterEach(() => closeAll());

@Controller()
class PingController {
  @MessagePattern('ping')
  ping(): string {
    return 'pong';
  }
}

describe('a pure microservice', () => {
  it('is made with a factory that is injected the strategy, and serves when it listens [35]', async () => {
    @Module({ imports: [clusterOf('pure')], controllers: [PingController] })
    class PureModule {}
    const app = keep(
      await NestFactory.createMicroservice(PureModule, {
        logger: false,
        inject: [ClusterServer],
        useFactory: (strategy: ClusterServer) => ({ strategy }),
      }),
    );
    await app.listen();
    const client = await startMember('client', {}, [addressOf(app)]);
    expect(await lastValueFrom(client.get(ClusterClient).send('ping', {}))).toBe('pong');
    expect(await lastValueFrom(app.get(ClusterClient).send('ping', {}))).toBe('pong');
  });

  it('made by the testing module serves as well, and no longer once it is closed [36]', async () => {
    const module = await compile('pure', { controllers: [PingController] });
    const app = keep(module.createNestMicroservice({ strategy: module.get(ClusterServer), logger: false }));
    await app.listen();
    const client = await startMember('client', {}, [addressOf(app)]);
    expect(await lastValueFrom(client.get(ClusterClient).send('ping', {}))).toBe('pong');
    await app.close();
    expect(await failureOf(lastValueFrom(client.get(ClusterClient).send('ping', {})))).toMatchObject({
      code: 'NO_PEER',
    });
  });

  it('fails to listen where an event pattern cannot be a topic [23]', async () => {
    @Controller()
    class Invalid {
      @EventPattern('two words')
      never(_data: unknown): void {}
    }
    const module = await compile('invalid', { controllers: [Invalid] });
    const app = keep(module.createNestMicroservice({ strategy: module.get(ClusterServer), logger: false }));
    expect(await failureOf(app.listen())).toMatchObject({ code: 'CLUSTER_INVALID_TOPIC' });
  });
});

describe('a hybrid application', () => {
  it('serves both, whether its microservices start before it or after [37]', async () => {
    for (const isFirst of [true, false]) {
      const module = await compile('hybrid', { controllers: [PingController] });
      const app = keep(module.createNestApplication({ logger: false }));
      app.connectMicroservice({ strategy: app.get(ClusterServer) });
      if (isFirst) await app.startAllMicroservices();
      await app.init();
      if (!isFirst) await app.startAllMicroservices();
      expect(await lastValueFrom(app.get(ClusterClient).send('ping', {}))).toBe('pong');
    }
  });

  it('may connect its microservice when the node has long started [37]', async () => {
    const module = await compile('hybrid', { controllers: [PingController] });
    const app = keep(module.createNestApplication({ logger: false }));
    await app.init();
    app.connectMicroservice({ strategy: app.get(ClusterServer) });
    await app.startAllMicroservices();
    expect(await lastValueFrom(app.get(ClusterClient).send('ping', {}))).toBe('pong');
  });

  it('announces its handlers with its first word: who sees it up can ask it [37]', async () => {
    const first = await startMember('first');
    const answers: unknown[] = [];
    first.get(Cluster).on('member.up', () => {
      first
        .get(ClusterClient)
        .send('ping', {})
        .subscribe({ next: (answer) => answers.push(answer), error: (error) => answers.push(error) });
    });
    await startMember('second', { controllers: [PingController] }, [addressOf(first)]);
    await until(() => answers.length === 1, 'the answer');
    expect(answers).toEqual(['pong']);
  });

  it('serves on the mesh what names the mesh or nothing, and leaves the rest to the other transport [38]', async () => {
    @Controller()
    class Choosy {
      @MessagePattern('mesh', CLUSTER_TRANSPORT)
      mesh(): string {
        return 'mesh';
      }
      @MessagePattern('tcp', Transport.TCP)
      tcp(): string {
        return 'tcp';
      }
      @MessagePattern('any')
      any(): string {
        return 'any';
      }
    }
    const app = await startMember('hybrid', { controllers: [Choosy] }, [], (hybrid) => {
      hybrid.connectMicroservice({ strategy: hybrid.get(ClusterServer) });
      hybrid.connectMicroservice({ transport: Transport.TCP, options: { host: '127.0.0.1', port: 0 } });
    });
    const client = app.get(ClusterClient);
    expect(await lastValueFrom(client.send('mesh', {}))).toBe('mesh');
    expect(await lastValueFrom(client.send('any', {}))).toBe('any');
    expect(await failureOf(lastValueFrom(client.send('tcp', {})))).toMatchObject({ code: 'NO_PEER' });
  });

  it('removes the signal listeners of its microservice when it closes [39]', async () => {
    const before = process.listenerCount('SIGTERM');
    const app = await startMember('hybrid', {}, [], (hybrid) => {
      hybrid.connectMicroservice({ strategy: hybrid.get(ClusterServer) }).enableShutdownHooks(['SIGTERM'] as never);
      expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    });
    await app.close();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it('answers HTTP with what it asks of others [40]', async () => {
    const server = await startMember('server', { controllers: [PingController] });
    const app = await startMember('web', { controllers: [HttpController] }, [addressOf(server)]);
    await request(app.getHttpServer()).post('/?pattern=ping').send({}).expect(200, 'pong');
    await request(app.getHttpServer()).post('/?pattern=nobody').send({}).expect(500);
  });
});

describe('a server', () => {
  it('tells its status [41]', async () => {
    const module = await compile('server', {});
    const app = keep(module.createNestMicroservice({ strategy: module.get(ClusterServer), logger: false }));
    const told: string[] = [];
    app.status.subscribe((status) => told.push(status));
    const ofClient: string[] = [];
    app.get(ClusterClient).status.subscribe((status) => ofClient.push(status));
    expect(told).toEqual([]);
    await app.listen();
    expect([told, ofClient]).toEqual([['connected'], ['connected']]);
    await app.close();
    expect(told).toEqual(['connected', 'disconnected']);
    expect(ofClient).toEqual(['connected', 'disconnected']);
  });

  it('listens to its node, and unwraps to it [42]', async () => {
    const module = await compile('server', {});
    const app = keep(module.createNestMicroservice({ strategy: module.get(ClusterServer), logger: false }));
    const told: string[] = [];
    app.on('member.up' as never, (({ member }: { member: { name: string } }) => told.push(member.name)) as never);
    await app.listen();
    expect(app.unwrap<Cluster>()).toBe(app.get(Cluster));
    await startMember('other', {}, [addressOf(app)]);
    await until(() => told.length === 1, 'the other');
    expect(told).toEqual(['other']);
  });

  it('has the handlers of its application at hand [43]', async () => {
    const app = await startMember('server', { controllers: [PingController] });
    const handler = app.get(ClusterServer).getHandlerByPattern('ping');
    expect(handler?.isEventHandler).toBe(false);
    expect(await handler!({}, new ClusterContext([{} as never]))).toBe('pong');
  });
});

describe('an application that ends', () => {
  it('answers what it has taken, and takes no more: others are asked, and no caller sees a failure [44]', async () => {
    const held = gate();
    const begun: string[] = [];
    const named = (name: string) => {
      @Controller()
      class Slow {
        @MessagePattern('slow')
        async slow(): Promise<string> {
          begun.push(name);
          await held.opened;
          return name;
        }
        @MessagePattern('who')
        who(): string {
          return name;
        }
      }
      return { controllers: [Slow] };
    };
    const [first, second, third] = await crowd(3, (index) => (index === 0 ? {} : named(`member-${index}`)));
    const client = first!.get(ClusterClient);
    const slow = [1, 2, 3, 4].map(() => lastValueFrom(client.send<string>('slow', {})));
    await until(() => begun.length === 4, 'all of them');
    const closing = second!.close();
    await until(() => second!.get(ClusterLifecycle).phase === 'draining', 'the draining');
    for (let i = 0; i < 10; i++) expect(await lastValueFrom(client.send('who', {}))).toBe('member-2');
    held.open();
    expect((await Promise.all(slow)).sort()).toEqual(['member-1', 'member-1', 'member-2', 'member-2']);
    await closing;
    expect(
      third!
        .get(Cluster)
        .members()
        .map(({ name }) => name),
    ).toEqual(['member-0']);
  });

  it('may ask others to its end, in what still runs [44]', async () => {
    const begun = gate();
    const held = gate();
    @Controller()
    class Asking {
      constructor(private readonly client: ClusterClient) {}
      @MessagePattern('ask-on')
      async askOn(): Promise<unknown> {
        begun.open();
        await held.opened;
        return lastValueFrom(this.client.to('helper').send('ping', {}));
      }
    }
    const [first, asking] = await crowd(3, (index) => ({ controllers: index === 1 ? [Asking] : [] }), undefined);
    const helper = await startMember('helper', { controllers: [PingController] }, [addressOf(first!)]);
    await until(() => asking!.get(Cluster).members('up').length === 3, 'the helper');
    const answer = lastValueFrom(first!.get(ClusterClient).send('ask-on', {}));
    await begun.opened;
    const closing = asking!.close();
    await until(() => asking!.get(ClusterLifecycle).phase === 'draining', 'the draining');
    held.open();
    expect(await answer).toBe('pong');
    await closing;
    expect(
      helper
        .get(Cluster)
        .members()
        .map(({ name }) => name),
    ).not.toContain('member-1');
  });

  it('does not wait for what never ends longer than it may [44]', async () => {
    const begun = gate();
    @Controller()
    class Stuck {
      @MessagePattern('stuck')
      stuck(): Promise<void> {
        begun.open();
        return gate().opened;
      }
    }
    const server = await startMember('server', { controllers: [Stuck] });
    const client = await startMember('client', {}, [addressOf(server)]);
    const asked = failureOf(lastValueFrom(client.get(ClusterClient).send('stuck', {})));
    await begun.opened;
    server.get(ClusterLifecycle).httpGraceMs = 50;
    await server.close();
    expect(await asked).toMatchObject({ code: expect.stringMatching(/PEER_LOST|DRAINING/) });
  });
});

describe('the global module', () => {
  it('gives client and server to every module, and hooks of providers may send [45]', async () => {
    const answers: unknown[] = [];
    @Injectable()
    class Early {
      constructor(
        private readonly client: ClusterClient,
        readonly server: ClusterServer,
      ) {}
      async onModuleInit(): Promise<void> {
        await this.client.connect();
      }
      async onApplicationBootstrap(): Promise<void> {
        answers.push(await lastValueFrom(this.client.send('ping', {})));
      }
    }
    @Module({ providers: [Early] })
    class FeatureModule {}
    await startMember('server', { imports: [FeatureModule], controllers: [PingController] });
    expect(answers).toEqual(['pong']);
  });
});
