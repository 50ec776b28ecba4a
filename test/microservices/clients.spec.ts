/** How applications get at a client, and what they can tell it: numbers in brackets are those of docs/nest-expectations.md. */
import { Controller, Inject, Injectable, Module } from '@nestjs/common';
import {
  Client,
  type ClientProxy,
  ClientProxyFactory,
  ClientsModule,
  Ctx,
  MessagePattern,
  Payload,
  RpcException,
} from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type CallOutcome,
  Cluster,
  ClusterClient,
  type ClusterClientOptions,
  ClusterContext,
  ClusterOptionsError,
  ClusterUsageError,
} from 'rookery';
import { lastValueFrom, toArray } from 'rxjs';
import { until } from '../integration/support.js';
import { listening } from './listening.js';
import { breakLinks, closeAll, crowd, failureOf, pair, startMember } from './members.js';

afterEach(() => closeAll());

/** A member that says who it is, and fails on demand. */
function named(name: string) {
  @Controller()
  class Named {
    @MessagePattern('who')
    who(): string {
      return name;
    }
    @MessagePattern('fail-at-1')
    fail(): string {
      if (name === 'member-1') throw new RpcException('not here');
      return name;
    }
    @MessagePattern('err')
    err(): never {
      throw new Error('err');
    }
  }
  return { controllers: [Named] };
}

const asked = <T = unknown>(client: ClientProxy, pattern = 'who'): Promise<T[]> =>
  lastValueFrom(client.send<T>(pattern, {}).pipe(toArray()));

describe('ClientsModule', () => {
  class ErrorHandlingClient extends ClusterClient {
    protected override serializeError(error: unknown): unknown {
      return new RpcException(error as object);
    }
  }

  it('makes clients with register, and binds them to the node of the application [46]', async () => {
    const [app] = await crowd(2, (index) => ({
      ...named(`member-${index}`),
      imports: [ClientsModule.register([{ name: 'WHO', customClass: ClusterClient, options: { to: 'member-1' } }])],
    }));
    expect(await asked(app!.get<ClientProxy>('WHO'))).toEqual(['member-1']);
  });

  it('makes them with useFactory, useClass and useExisting [47]', async () => {
    @Injectable()
    class Factory {
      createClientOptions() {
        return { customClass: ClusterClient, options: { to: 'server' } };
      }
    }
    @Module({ providers: [Factory], exports: [Factory] })
    class FactoryModule {}
    const [, app] = await pair(named('server'), {
      imports: [
        ClientsModule.registerAsync([
          {
            name: 'BY_FACTORY',
            inject: [Cluster],
            useFactory: (cluster: Cluster) => ({ customClass: ClusterClient, options: { cluster, timeoutMs: 500 } }),
          },
          { name: 'BY_CLASS', useClass: Factory },
          { name: 'BY_EXISTING', imports: [FactoryModule], useExisting: Factory },
        ]),
      ],
    });
    for (const token of ['BY_FACTORY', 'BY_CLASS', 'BY_EXISTING']) {
      expect(await asked(app.get<ClientProxy>(token, { strict: false }))).toEqual(['server']);
    }
  });

  it('takes a subclass, which may say otherwise what errors are [48]', async () => {
    const [, app] = await pair(named('server'), {
      imports: [
        ClientsModule.register([
          { name: 'CUSTOM', customClass: ErrorHandlingClient },
          { name: 'STANDARD', customClass: ClusterClient },
        ]),
      ],
    });
    const custom = app.get<ErrorHandlingClient>('CUSTOM');
    expect(await failureOf(asked(custom, 'err'))).toBeInstanceOf(RpcException);
    expect(await failureOf(asked(custom.to('server'), 'err'))).toBeInstanceOf(RpcException);
    expect(await failureOf(asked(app.get('STANDARD'), 'err'))).not.toBeInstanceOf(RpcException);
  });

  it('takes a subclass that throws, which fails its own requests, and harms no link', async () => {
    class ThrowingClient extends ClusterClient {
      protected override serializeResponse(): never {
        throw new Error('of serializeResponse');
      }
      protected override serializeError(): never {
        throw new Error('of serializeError');
      }
    }
    const imports = [ClientsModule.register([{ name: 'WHO', customClass: ThrowingClient }])];
    const [, app] = await pair(named('server'), { imports });
    const client = app.get<ClientProxy>('WHO');
    const suspects: unknown[] = [];
    app.get(Cluster).on('member.suspect', (event) => suspects.push(event));
    expect(await failureOf(asked(client))).toMatchObject({ message: 'of serializeResponse' });
    expect(await failureOf(asked(client, 'err'))).toMatchObject({ message: 'of serializeError' });
    expect(await failureOf(lastValueFrom(client.emit('two words', 1)))).toMatchObject({ message: 'of serializeError' });
    expect(await asked(app.get(ClusterClient))).toEqual(['server']);
    expect(suspects).toEqual([]);
  });

  it('makes one client for two applications only one after the other [46]', async () => {
    const imports = [ClientsModule.register([{ name: 'WHO', customClass: ClusterClient }])];
    const first = await startMember('first', { ...named('first'), imports });
    expect(await failureOf(startMember('second', { imports }))).toMatchObject({ code: 'CLUSTER_SHARED_INSTANCE' });
    await first.close();
    const third = await startMember('third', { ...named('third'), imports });
    expect(await asked(third.get<ClientProxy>('WHO'))).toEqual(['third']);
  });

  it.each<[unknown, string]>([
    [{ host: '10.0.0.1', port: 3001 }, 'host'],
    [{ timeoutms: 5 }, "Did you mean 'timeoutMs'?"],
    [{ timeoutMs: -1 }, 'timeoutMs'],
  ])('refuses options of another transport, and what cannot be: %p', (options, problem) => {
    expect(() => new ClusterClient(options as ClusterClientOptions)).toThrow(ClusterOptionsError);
    expect(() => new ClusterClient(options as ClusterClientOptions)).toThrow(problem);
  });
});

describe('other ways to a client', () => {
  it('are @Client on a property, and ClientProxyFactory with the node [49]', async () => {
    @Injectable()
    class Asking {
      @Client({ customClass: ClusterClient, options: { timeoutMs: 500 } } as never)
      readonly client!: ClientProxy;
    }
    const [, app] = await pair(named('server'), {
      providers: [
        Asking,
        {
          provide: 'MADE',
          inject: [Cluster],
          useFactory: (cluster: Cluster) =>
            ClientProxyFactory.create({ customClass: ClusterClient, options: { cluster } } as never),
        },
      ],
    });
    expect(await asked(app.get(Asking).client)).toEqual(['server']);
    expect(await asked(app.get<ClientProxy>('MADE'))).toEqual(['server']);
  });

  it('is injection as it stands, anywhere [45]', async () => {
    @Injectable()
    class Service {
      constructor(@Inject(ClusterClient) readonly client: ClusterClient) {}
    }
    const [, app] = await pair(named('server'), { providers: [Service] });
    expect(await asked(app.get(Service).client)).toEqual(['server']);
    expect(app.get(Service).client.unwrap()).toBe(app.get(Cluster));
  });

  it('fail with a reason where no node is known', async () => {
    const client = new ClusterClient();
    for (const attempt of [asked(client), lastValueFrom(client.emit('x', 1)), client.connect()]) {
      expect(await failureOf(attempt)).toMatchObject({ code: 'CLUSTER_NOT_BOUND' });
    }
    expect(() => client.unwrap()).toThrow(ClusterUsageError);
  });

  it('may speak for another cluster than that of its application, where it was given one', async () => {
    const other = await startMember('other', named('other'));
    const client = new ClusterClient({ cluster: other.get(Cluster) });
    @Injectable()
    class Bridge {
      readonly client = client;
    }
    const app = await startMember('bridge', { ...named('bridge'), providers: [Bridge] });
    expect(await asked(app.get(Bridge).client)).toEqual(['other']);
    expect(await asked(app.get(ClusterClient))).toEqual(['bridge']);
  });

  it('may be used on after it was closed, and after its links were [50]', async () => {
    const [server, app] = await pair(named('server'));
    const client = app.get(ClusterClient);
    await client.connect();
    client.close();
    expect(await asked(client)).toEqual(['server']);
    breakLinks(server);
    await until(() => app.get(Cluster).stats().links.length === 0, 'the end of the link');
    // Both sides dial anew, and the second link does not end what was asked on the first.
    expect(await asked(client)).toEqual(['server']);
  });
});

describe('a view', () => {
  const metadata = (index: number) => ({ metadata: { zone: index === 2 ? 'far' : 'near' } });

  it('asks one member by its name, its incarnation, or as a member [D3]', async () => {
    const [app] = await crowd(3, (index) => named(`member-${index}`));
    const client = app!.get(ClusterClient);
    const member = app!
      .get(Cluster)
      .members()
      .find(({ name }) => name === 'member-2')!;
    for (const whom of ['member-2', member.incarnation, member]) {
      expect(await asked(client.to(whom))).toEqual(['member-2']);
    }
    expect(await failureOf(asked(client.to('nobody')))).toMatchObject({ code: 'NO_PEER' });
  });

  it('asks the same member for the same key [D3]', async () => {
    const apps = await crowd(3, (index) => named(`member-${index}`));
    for (const key of ['a', 'b', 'c', 'd']) {
      const answers = await Promise.all(apps.map((app) => asked(app.get(ClusterClient).by(key))));
      expect(new Set(answers.flat()).size).toBe(1);
    }
  });

  it('asks members by their metadata, and the node itself first where asked to [D3]', async () => {
    const [app] = await crowd(3, (index) => named(`member-${index}`), metadata);
    const client = app!.get(ClusterClient);
    for (let i = 0; i < 5; i++) {
      expect(await asked(client.where({ zone: 'far' }))).toEqual(['member-2']);
      expect(await asked(client.local())).toEqual(['member-0']);
    }
  });

  it.each<[string, (client: ClusterClient, given: never) => ClusterClient, unknown]>([
    ['to', (client, given) => client.to(given), undefined],
    ['to', (client, given) => client.to(given), ''],
    ['key', (client, given) => client.by(given), undefined],
    ['key', (client, given) => client.by(given), 42],
    ['where', (client, given) => client.where(given), undefined],
    ['where', (client, given) => client.where(given), 'eu-1'],
  ])('asks nobody where "%s" cannot be a choice', (name, view, given) => {
    const client = new ClusterClient();
    const attempt = (): unknown => view(client, given as never);
    expect(attempt).toThrow(ClusterOptionsError);
    expect(attempt).toThrow(`${name}: must be`);
  });

  it('asks all, and emits what each answers or fails with [D3]', async () => {
    const [app] = await crowd(3, (index) => named(`member-${index}`), metadata);
    const all = app!.get(ClusterClient).all();
    const outcomes = await asked<CallOutcome<string>>(all, 'fail-at-1');
    expect(
      outcomes
        .map(({ member, value, error }) => [member.name, value, error?.code, error?.payload])
        .sort(([a], [b]) => String(a).localeCompare(String(b))),
    ).toEqual([
      ['member-0', 'member-0', undefined, undefined],
      ['member-1', undefined, 'FAILED', { status: 'error', message: 'not here' }],
      ['member-2', 'member-2', undefined, undefined],
    ]);
    const far = await asked<CallOutcome<string>>(all.where({ zone: 'far' }));
    expect(far.map(({ value }) => value)).toEqual(['member-2']);
    expect(await failureOf(asked(all, 'nobody'))).toMatchObject({ code: 'NO_PEER' });
  });

  it('asks all or none: where not all can be asked, those that were are told to stop', async () => {
    let stopped = 0;
    @Controller()
    class Hanging {
      @MessagePattern('hang')
      async hang(@Payload() _data: object, @Ctx() context: ClusterContext): Promise<void> {
        const signal = context.getSignal();
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
        stopped++;
      }
    }
    const limits = { maxPendingCalls: 2 };
    const [app] = await crowd(
      3,
      () => ({ controllers: [Hanging] }),
      () => ({ limits }),
    );
    const all = app!.get(ClusterClient).all();
    expect(await failureOf(asked(all, 'hang'))).toMatchObject({ code: 'CLUSTER_TOO_MANY_PENDING' });
    await until(() => stopped === 2, 'the end of those that were asked');
  });

  it('combines with others, and has the hooks that its client gets later [D3]', async () => {
    const [app] = await crowd(2, (index) => named(`member-${index}`));
    const client = app!.get(ClusterClient);
    const view = client.to('member-1').withDeadline(500).idempotent();
    const patterns: unknown[] = [];
    client.setOnDispatchHook(({ pattern }) => void patterns.push(pattern));
    expect(view).toBeInstanceOf(ClusterClient);
    expect(await asked(view)).toEqual(['member-1']);
    expect(patterns).toEqual(['who']);
    expect(() => client.withDeadline(Number.NaN)).toThrow(ClusterOptionsError);
  });

  it('goes to nobody where the choice is missing, or none', async () => {
    const [app] = await crowd(1, () => named('member-0'));
    const client = app!.get(ClusterClient);
    for (const nobody of [undefined, null, '', 7, {}] as unknown as string[]) {
      expect(() => client.to(nobody)).toThrow('to: must be a member, its incarnation, or its name.');
    }
    for (const key of [undefined, null, 7, {}] as unknown as string[]) {
      expect(() => client.by(key)).toThrow('key: must be a text.');
    }
    for (const metadata of [undefined, null, 'eu-1', ['eu-1']] as unknown as object[]) {
      expect(() => client.where(metadata as Record<string, unknown>)).toThrow('where: must be an object');
    }
  });

  it('emits to those alone that are meant [D2]', async () => {
    const heard: string[] = [];
    const [app] = await crowd(3, (index) => listening(heard, `member-${index}`), metadata);
    const client = app!.get(ClusterClient);
    client.where({ zone: 'near' }).all().emit('told', 'near');
    await until(() => heard.length === 2, 'both');
    await lastValueFrom(client.to('member-2').emit('told', 'far'));
    client.all().emit('told', 'all');
    await until(() => heard.length === 6, 'all');
    expect(heard.sort()).toEqual([
      'member-0 all',
      'member-0 near',
      'member-1 all',
      'member-1 near',
      'member-2 all',
      'member-2 far',
    ]);
  });
});
