/** What Nest's users expect of `emit` and `@EventPattern`: numbers in brackets are those of docs/nest-expectations.md. */
import { Controller, Injectable, type ModuleMetadata } from '@nestjs/common';
import { Ctx, EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Cluster,
  ClusterClient,
  type ClusterContext,
  type EventContext,
  type Gap,
  type MemberEvent,
  OnClusterEvent,
} from 'rookery';
import { firstValueFrom, lastValueFrom, Observable } from 'rxjs';
import { until } from '../integration/support.js';
import { addressOf, closeAll, crowd, failureOf, gate, pair, startMember } from './members.js';

afterEach(() => closeAll());

/** Handlers that note what they hear, under a name. */
function listener(heard: unknown[], name: string): ModuleMetadata {
  @Controller()
  class Listener {
    @EventPattern('user.created')
    onCreated(data: unknown): void {
      heard.push([name, data]);
    }
  }
  return { controllers: [Listener] };
}

describe('an event', () => {
  it('reaches the handler of another member, and emit completes [17]', async () => {
    const heard: unknown[] = [];
    const [, client] = await pair(listener(heard, 'server'));
    expect(await lastValueFrom(client.get(ClusterClient).emit('user.created', { id: 1 }))).toBeUndefined();
    await until(() => heard.length === 1, 'the event');
    expect(heard).toEqual([['server', { id: 1 }]]);
  });

  it('is emitted at once, whether anybody subscribes or not, and once however many do [18]', async () => {
    const heard: unknown[] = [];
    const [, client] = await pair(listener(heard, 'server'));
    const emission = client.get(ClusterClient).emit('user.created', true);
    await until(() => heard.length === 1, 'the event');
    await firstValueFrom(emission);
    await firstValueFrom(emission);
    client.get(ClusterClient).emit('user.created', 'last');
    await until(() => heard.length === 2, 'the last event');
    expect(heard).toEqual([
      ['server', true],
      ['server', 'last'],
    ]);
  });

  it('reaches every member that has a handler, the emitter included [19]', async () => {
    const heard: unknown[] = [];
    const [first] = await crowd(3, (index) => listener(heard, `member-${index}`));
    first!.get(ClusterClient).emit('user.created', 7);
    await until(() => heard.length === 3, 'all of them');
    expect(heard).toEqual(
      expect.arrayContaining([
        ['member-0', 7],
        ['member-1', 7],
        ['member-2', 7],
      ]),
    );
  });

  it('reaches every handler of a member, each with a copy of its own [20]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Several {
      @EventPattern('user.created')
      first(data: { tags: string[] }): void {
        data.tags.push('first');
        heard.push(data);
      }
      @EventPattern('user.created')
      second(data: { tags: string[] }): void {
        data.tags.push('second');
        heard.push(data);
      }
    }
    const [, client] = await pair({ controllers: [Several] });
    client.get(ClusterClient).emit('user.created', { tags: [] });
    await until(() => heard.length === 2, 'both handlers');
    expect(heard).toEqual([{ tags: ['first'] }, { tags: ['second'] }]);
  });

  it('of a failing handler still reaches the others [20]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Failing {
      @EventPattern<string>('user.created')
      fails(): void {
        throw new Error('no');
      }
    }
    const { controllers = [] } = listener(heard, 'server');
    const [, client] = await pair({ controllers: [Failing, ...controllers] });
    client.get(ClusterClient).emit('user.created', 1);
    client.get(ClusterClient).emit('user.created', 2);
    await until(() => heard.length === 2, 'both events');
  });

  it('may have an object as its pattern, with any text in it [21]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Listener {
      @EventPattern({ cmd: 'do it.. *', of: { deep: '>' } })
      on(@Payload() data: unknown, @Ctx() context: ClusterContext): void {
        heard.push(data, context.getPattern());
      }
    }
    const [, client] = await pair({ controllers: [Listener] });
    client.get(ClusterClient).emit({ of: { deep: '>' }, cmd: 'do it.. *' }, 1);
    await until(() => heard.length > 0, 'the event');
    expect(heard).toEqual([1, '{"cmd":"do it.. *","of":{"deep":">"}}']);
  });

  it('is heard under a wildcard, with the name that it was emitted under [22]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Listener {
      @EventPattern<string>('user.*')
      one(@Payload('id') id: number, @Ctx() context: ClusterContext): void {
        heard.push(`${context.getPattern()} ${id}`);
      }
      @EventPattern<string>('user.>')
      rest(@Payload() _data: unknown, @Ctx() context: ClusterContext): void {
        heard.push(`rest ${context.getPattern()}`);
      }
    }
    const [, client] = await pair({ controllers: [Listener] });
    client.get(ClusterClient).emit('user.created', { id: 7 });
    client.get(ClusterClient).emit('user.deleted.again', { id: 8 });
    await until(() => heard.length === 3, 'three times');
    expect(heard.sort()).toEqual(['rest user.created', 'rest user.deleted.again', 'user.created 7']);
  });

  it('may share its pattern with requests [D9]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Both {
      @MessagePattern('both')
      answer(): string {
        return 'answered';
      }
      @EventPattern('both')
      hear(data: unknown): void {
        heard.push(data);
      }
    }
    const [, client] = await pair({ controllers: [Both] });
    client.get(ClusterClient).emit('both', 'heard');
    expect(await lastValueFrom(client.get(ClusterClient).send('both', {}))).toBe('answered');
    await until(() => heard.length === 1, 'the event');
  });

  it('waits for the one before it, also for what its handler does asynchronously [D7]', async () => {
    const heard: string[] = [];
    const held = gate();
    @Controller()
    class Slow {
      @EventPattern('step')
      async on(step: number): Promise<Observable<number>> {
        heard.push(`begin ${step}`);
        await held.opened;
        return new Observable((subscriber) => {
          queueMicrotask(() => {
            heard.push(`end ${step}`);
            subscriber.complete();
          });
        });
      }
    }
    const [, client] = await pair({ controllers: [Slow] });
    for (const step of [1, 2]) client.get(ClusterClient).emit('step', step);
    await until(() => heard.length === 1, 'the first');
    held.open();
    await until(() => heard.length === 4, 'both');
    expect(heard).toEqual(['begin 1', 'end 1', 'begin 2', 'end 2']);
  });

  it('that cannot be emitted fails its Observable, and throws nothing [23]', async () => {
    const [, client] = await pair({});
    const emission = client.get(ClusterClient).emit('two words', 1);
    expect(await failureOf(lastValueFrom(emission))).toMatchObject({ code: 'CLUSTER_INVALID_TOPIC' });
    expect(await failureOf(lastValueFrom(client.get(ClusterClient).emit('f', () => 1)))).toMatchObject({
      code: 'CLUSTER_INVALID_PAYLOAD',
    });
  });
});

describe('emit and publish', () => {
  it('mean the same: each reaches @EventPattern and @OnClusterEvent [D1]', async () => {
    const heard: string[] = [];
    @Injectable()
    class Provider {
      @OnClusterEvent('user.created')
      on(data: string, { from }: EventContext): void {
        heard.push(`@OnClusterEvent ${data} of ${from.name}`);
      }
    }
    @Controller()
    class Listener {
      @EventPattern<string>('user.created')
      on(@Payload() data: string, @Ctx() context: ClusterContext): void {
        const { name } = context.getMember();
        heard.push(`@EventPattern ${data} of ${name}, ${context.getSeq()! > 0}, ${context.isReplayed()}`);
      }
    }
    const [, client] = await pair({ providers: [Provider], controllers: [Listener] });
    client.get(ClusterClient).emit('user.created', 'emitted');
    client.get(Cluster).publish('user.created', 'published');
    await until(() => heard.length === 4, 'four times');
    expect(heard.sort()).toEqual([
      '@EventPattern emitted of client, true, false',
      '@EventPattern published of client, true, false',
      '@OnClusterEvent emitted of client',
      '@OnClusterEvent published of client',
    ]);
  });

  it('are replayed to a member that comes later, which is told so [D1]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Listener {
      @EventPattern<string>('news')
      on(@Payload() data: unknown, @Ctx() context: ClusterContext): void {
        heard.push(data, context.isReplayed(), typeof context.getPublishedAt(), context.getRemainingMs());
        heard.push(context.getSignal().aborted, context.getMetadata());
      }
    }
    const first = await startMember('first');
    first.get(ClusterClient).emit('news', 'early');
    await startMember('late', { controllers: [Listener] }, [addressOf(first)]);
    await until(() => heard.length > 0, 'what was emitted before');
    expect(heard).toEqual(['early', true, 'number', Number.POSITIVE_INFINITY, false, undefined]);
  });

  it('count a failing handler as failed where the publisher wants to know [D1]', async () => {
    @Controller()
    class Failing {
      @EventPattern<string>('user.created')
      fails(): void {
        throw new RpcException('no');
      }
    }
    const [, client] = await pair({ controllers: [Failing] });
    const { failed } = await client.get(Cluster).publishConfirmed('user.created', 1, { timeoutMs: 5_000 });
    expect(failed.map(({ name }) => name)).toEqual(['server']);
  });
});

describe('an event for one member', () => {
  it('is heard by one of those that have a handler, and emit completes when it is done [D2]', async () => {
    const heard: string[] = [];
    const [first] = await crowd(3, (index) => listener(heard, `member-${index}`));
    for (let i = 0; i < 6; i++) await lastValueFrom(first!.get(ClusterClient).one().emit('user.created', i));
    expect(heard).toHaveLength(6);
    expect(new Set(heard.map(([name]) => name)).size).toBe(3);
  });

  it('reaches all handlers of that member, each with its own copy, and learns who emitted it [D2]', async () => {
    const heard: unknown[] = [];
    @Controller()
    class Several {
      @EventPattern<string>('job')
      first(@Payload() data: string[], @Ctx() context: ClusterContext): void {
        data.push('first');
        heard.push(data, context.getMember().name, context.getSeq(), context.getRemainingMs() <= 5_000);
      }
      @EventPattern('job')
      second(data: string[]): void {
        heard.push(data);
      }
    }
    const [, client] = await pair({ controllers: [Several] });
    await lastValueFrom(client.get(ClusterClient).to('server').emit('job', []));
    expect(heard).toEqual([['first'], 'client', undefined, true, []]);
  });

  it('fails as a request does: by nobody, by the handler, and in time [D2]', async () => {
    @Controller()
    class Failing {
      @EventPattern<string>('job')
      fails(): void {
        throw new RpcException({ status: 'tired' });
      }
      @EventPattern<string>('stuck')
      stuck(): Promise<void> {
        return gate().opened;
      }
    }
    const [, app] = await pair({ controllers: [Failing] });
    const client = app.get(ClusterClient).one();
    expect(await failureOf(lastValueFrom(client.emit('nobody', 1)))).toMatchObject({
      code: 'NO_PEER',
      message: "No member serves the event 'nobody'. Served are: job, stuck.",
    });
    expect(await failureOf(lastValueFrom(client.emit('job', 1)))).toEqual({ status: 'tired' });
    const late = client.withDeadline(20).emit('stuck', 1);
    expect(await failureOf(lastValueFrom(late))).toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('what clients and servers listen to', () => {
  it('are members and gaps of the node [24]', async () => {
    const told: string[] = [];
    const first = await startMember('first');
    first.get(ClusterClient).on('member.up', ({ member }: MemberEvent) => told.push(`up ${member.name}`));
    first.get(ClusterClient).on('member.left', ({ member }: MemberEvent) => told.push(`left ${member.name}`));
    first.get(ClusterClient).on('gap', (gap: Gap) => told.push(gap.reason));
    const second = await startMember('second', {}, [addressOf(first)]);
    await second.close();
    await until(() => told.length === 2, 'both');
    expect(told).toEqual(['up second', 'left second']);
  });
});
