import { Controller, Injectable, Module } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import { describe, expect, it, jest } from '@jest/globals';
import { type EventContext, type Gap, type MemberEvent, OnClusterEvent, OnClusterGap, OnMember } from 'rookery';
import { defer, of, throwError } from 'rxjs';
import { appWith, start } from './app.js';
import { FakeCluster, memberNamed } from './fake-cluster.js';

/** What the handlers of a test heard, as `who:payload`. */
let heard: string[] = [];

@Injectable()
class Flags {
  @OnClusterEvent('price.changed')
  onChanged(key: string): void {
    heard.push(`Flags:${key}`);
  }
}

function topicsOf(cluster: FakeCluster): string[] {
  return [...cluster.subscriptions].map(({ topic }) => topic);
}

function labelsOf(cluster: FakeCluster): (string | undefined)[] {
  return [...cluster.subscriptions].map(({ options }) => options.label);
}

describe('a handler', () => {
  it('is called with the payload and its context, at once, without the pipeline of Nest', async () => {
    heard = [];
    const contexts: EventContext[] = [];
    @Injectable()
    class Listener {
      @OnClusterEvent('price.changed')
      onChanged(key: string, context: EventContext): void {
        heard.push(key);
        contexts.push(context);
      }
    }
    const cluster = new FakeCluster('api-1');
    const app = await appWith({ providers: [Listener] }, cluster).compile();
    const create = jest.spyOn(app.get(ExternalContextCreator), 'create');
    await app.init();

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['checkout']);
    expect(contexts[0]).toMatchObject({ topic: 'price.changed', from: { name: 'api-1' }, seq: 1 });
    expect(create).not.toHaveBeenCalled();
    await app.close();
  });

  it('returns nothing to wait for when it is synchronous', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [Flags] }, cluster);

    const [subscription] = cluster.subscriptions;
    expect(subscription!.handler('key', {} as EventContext)).toBeUndefined();
    await app.close();
  });

  it('is found on controllers too', async () => {
    heard = [];
    @Controller()
    class FlagsController {
      @OnClusterEvent('price.changed')
      onChanged(key: string): void {
        heard.push(`controller:${key}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ controllers: [FlagsController] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['controller:checkout']);
    await app.close();
  });

  it('is named in the options of its subscription, with its instance', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [Flags] }, cluster);

    const [subscription] = cluster.subscriptions;
    expect(subscription!.options).toEqual({ label: 'Flags.onChanged', owner: app.get(Flags) });
    await app.close();
  });

  it('may hear several topics and patterns, and the same topic only once', async () => {
    heard = [];
    @Injectable()
    class Listener {
      @OnClusterEvent('user.*')
      @OnClusterEvent('price.>')
      @OnClusterEvent('price.>')
      on(payload: string, { topic }: EventContext): void {
        heard.push(`${topic}=${payload}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Listener] }, cluster);

    expect(topicsOf(cluster)).toEqual(['user.*', 'price.>']);
    cluster.publish('user.banned', 'u1');
    cluster.publish('price.changed.eu', 'f1');
    cluster.publish('user.banned.eu', 'u2');
    expect(heard).toEqual(['user.banned=u1', 'price.changed.eu=f1']);
    await app.close();
  });

  it('may share its topic with others: all of them hear it', async () => {
    heard = [];
    @Injectable()
    class Two {
      @OnClusterEvent('price.changed')
      first(key: string): void {
        heard.push(`first:${key}`);
      }
      @OnClusterEvent('price.changed')
      second(key: string): void {
        heard.push(`second:${key}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Two, Flags] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard.sort()).toEqual(['Flags:checkout', 'first:checkout', 'second:checkout']);
    await app.close();
  });

  it('is found when a test spies on it later', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [Flags] }, cluster);
    const spy = jest.spyOn(app.get(Flags), 'onChanged').mockImplementation(() => undefined);

    cluster.publish('price.changed', 'checkout');
    expect(spy).toHaveBeenCalledTimes(1);
    await app.close();
  });
});

describe('a handler is found once', () => {
  it('behind an alias', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [Flags, { provide: 'ALIAS', useExisting: Flags }] }, cluster);

    expect(labelsOf(cluster)).toEqual(['Flags.onChanged']);
    await app.close();
  });

  it('when a factory hands on the instance of another provider', async () => {
    const cluster = new FakeCluster();
    const handOn = { provide: 'HANDED_ON', useFactory: (flags: Flags) => flags, inject: [Flags] };
    const app = await start({ providers: [handOn, Flags] }, cluster);

    expect(labelsOf(cluster)).toEqual(['Flags.onChanged']);
    await app.close();
  });

  it('when several modules import its module', async () => {
    @Module({ providers: [Flags], exports: [Flags] })
    class FlagsModule {}
    @Module({ imports: [FlagsModule] })
    class AModule {}
    @Module({ imports: [FlagsModule] })
    class BModule {}
    const cluster = new FakeCluster();
    const app = await start({ imports: [AModule, BModule] }, cluster);

    expect(labelsOf(cluster)).toEqual(['Flags.onChanged']);
    await app.close();
  });

  it('on a base class', async () => {
    heard = [];
    abstract class Base {
      protected abstract readonly name: string;
      @OnClusterEvent('price.changed')
      onChanged(key: string): void {
        heard.push(`${this.name}:${key}`);
      }
    }
    @Injectable()
    class Child extends Base {
      protected readonly name = 'child';
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Child] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['child:checkout']);
    expect(labelsOf(cluster)).toEqual(['Child.onChanged']);
    await app.close();
  });

  it('on an override without a decorator, which takes its place', async () => {
    heard = [];
    @Injectable()
    class Child extends Flags {
      override onChanged(key: string): void {
        heard.push('child');
        super.onChanged(key);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Child] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['child', 'Flags:checkout']);
    expect(cluster.subscriptions.size).toBe(1);
    await app.close();
  });

  it('on an override with decorators, which replace those of the base class', async () => {
    @Injectable()
    class Child extends Flags {
      @OnClusterEvent('price.replaced')
      override onChanged(): void {}
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Child] }, cluster);

    expect(topicsOf(cluster)).toEqual(['price.replaced']);
    await app.close();
  });

  it('for each instance, when base and child are both provided', async () => {
    @Injectable()
    class Child extends Flags {}
    const cluster = new FakeCluster();
    const app = await start({ providers: [Flags, Child] }, cluster);

    expect(labelsOf(cluster)).toEqual(['Flags.onChanged', 'Child.onChanged']);
    await app.close();
  });

  it('in what a factory makes, also later', async () => {
    heard = [];
    const made = { provide: 'MADE', useFactory: () => Promise.resolve(new Flags()) };
    const cluster = new FakeCluster();
    const app = await start({ providers: [made] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['Flags:checkout']);
    await app.close();
  });

  it('in a value', async () => {
    heard = [];
    const cluster = new FakeCluster();
    const app = await start({ providers: [{ provide: 'VALUE', useValue: new Flags() }] }, cluster);

    cluster.publish('price.changed', 'checkout');
    expect(heard).toEqual(['Flags:checkout']);
    await app.close();
  });

  it('and values of every kind are passed over', async () => {
    const values = [
      null,
      undefined,
      1,
      'text',
      Symbol('s'),
      () => undefined,
      Object.create(null),
      [],
      new Map(),
      Flags,
    ];
    const cluster = new FakeCluster();
    const app = await start(
      { providers: values.map((useValue, i) => ({ provide: `VALUE_${i}`, useValue: useValue as unknown })) },
      cluster,
    );

    expect(cluster.subscriptions.size).toBe(0);
    await app.close();
  });

  it('unless a test replaces its class', async () => {
    const cluster = new FakeCluster();
    const builder = appWith({ providers: [Flags] }, cluster)
      .overrideProvider(Flags)
      .useValue({ onChanged: () => undefined });
    const app = await (await builder.compile()).init();

    expect(cluster.subscriptions.size).toBe(0);
    await app.close();
  });
});

describe('a handler that fails', () => {
  it('is reported once, with its topic and name, and the others still run', async () => {
    heard = [];
    @Injectable()
    class Failing {
      @OnClusterEvent('price.changed')
      throws(): void {
        throw new Error('thrown');
      }
      @OnClusterEvent('price.changed')
      async rejects(): Promise<void> {
        await Promise.reject(new Error('rejected'));
      }
      @OnClusterEvent('price.changed')
      observes() {
        return throwError(() => new Error('observed'));
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Failing, Flags] }, cluster);

    cluster.publish('price.changed', 'checkout');
    await cluster.settled();
    expect(heard).toEqual(['Flags:checkout']);
    expect(
      cluster.failures.map(({ label, topic, error }) => `${label} ${topic} ${(error as Error).message}`).sort(),
    ).toEqual([
      'Failing.observes price.changed observed',
      'Failing.rejects price.changed rejected',
      'Failing.throws price.changed thrown',
    ]);
    await app.close();
  });
});

describe('a handler that takes its time', () => {
  it('is waited for before the next event', async () => {
    heard = [];
    const gates = [deferred(), deferred()];
    @Injectable()
    class Slow {
      @OnClusterEvent('price.changed')
      async on(index: number): Promise<void> {
        heard.push(`begin ${index}`);
        await gates[index]!.promise;
        heard.push(`end ${index}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Slow] }, cluster);

    cluster.publish('price.changed', 0);
    cluster.publish('price.changed', 1);
    gates[1]!.resolve(undefined);
    gates[0]!.resolve(undefined);
    await cluster.settled();
    expect(heard).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1']);
    await app.close();
  });

  it('may return an Observable, which is subscribed to and waited for', async () => {
    heard = [];
    @Injectable()
    class Observing {
      @OnClusterEvent('price.changed')
      on(key: string) {
        return defer(() => {
          heard.push(key);
          return of(1, 2, 3);
        });
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Observing] }, cluster);

    cluster.publish('price.changed', 'checkout');
    await cluster.settled();
    expect(heard).toEqual(['checkout']);
    expect(cluster.failures).toEqual([]);
    await app.close();
  });
});

describe('gap and member handlers', () => {
  const gap: Gap = { from: memberNamed('api-2'), reason: 'window', missed: 3 };
  const event: MemberEvent = { member: memberNamed('api-2', 'lost'), reason: 'connection refused' };

  @Injectable()
  class Watcher {
    @OnClusterGap()
    @OnClusterGap('price.*')
    onGap({ from, missed }: Gap): void {
      heard.push(`${from.name} missed ${missed}`);
    }
    @OnMember('lost')
    @OnMember('left')
    onGone({ member, reason }: MemberEvent): void {
      heard.push(`${member.name}: ${reason}`);
    }
  }

  it('hear what they ask for, under the owner of the event handlers of the same instance', async () => {
    heard = [];
    const cluster = new FakeCluster();
    const app = await start({ providers: [Watcher] }, cluster);

    await cluster.gap(gap);
    await cluster.becomes('lost', event);
    await cluster.becomes('up', event);
    expect(heard).toEqual(['api-2 missed 3', 'api-2 missed 3', 'api-2: connection refused']);
    expect([...cluster.gapSubscriptions].map(({ topic }) => topic)).toEqual([undefined, 'price.*']);
    expect([...cluster.memberSubscriptions].map(({ status }) => status)).toEqual(['lost', 'left']);
    const owner = app.get(Watcher);
    expect([...cluster.gapSubscriptions][0]!.options).toEqual({ label: 'Watcher.onGap', owner });
    expect([...cluster.memberSubscriptions][0]!.options).toEqual({ label: 'Watcher.onGone', owner });
    await app.close();
  });

  it('are found by the same rules', async () => {
    @Injectable()
    class Child extends Watcher {
      override onGap(): void {}
    }
    const cluster = new FakeCluster();
    const app = await start(
      {
        providers: [
          Child,
          { provide: 'ALIAS', useExisting: Child },
          { provide: 'MADE', useFactory: () => new Watcher() },
        ],
      },
      cluster,
    );

    expect([...cluster.gapSubscriptions].map(({ options }) => options.label)).toEqual([
      'Child.onGap',
      'Child.onGap',
      'Watcher.onGap',
      'Watcher.onGap',
    ]);
    await app.close();
    expect(cluster.gapSubscriptions.size).toBe(0);
    expect(cluster.memberSubscriptions.size).toBe(0);
  });
});

function deferred(): { promise: Promise<unknown>; resolve: (value: unknown) => void } {
  let resolve: (value: unknown) => void = () => undefined;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
