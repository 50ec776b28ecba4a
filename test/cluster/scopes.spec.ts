import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, ContextIdFactory, REQUEST } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ClusterRequest, type Gap, OnClusterEvent, OnClusterGap, OnMember } from 'rookery';
import { start } from './app.js';
import { FakeCluster, memberNamed } from './fake-cluster.js';

let made = 0;
let heard: string[] = [];
afterEach(() => {
  made = 0;
  heard = [];
});

@Injectable({ scope: Scope.REQUEST })
class PerEvent {
  readonly number = ++made;

  constructor(@Inject(REQUEST) readonly request: ClusterRequest) {}

  @OnClusterEvent('order.placed')
  on(payload: string): void {
    const { topic, seq } = this.request.context!;
    heard.push(`#${this.number} ${payload}/${String(this.request.payload)} ${topic} ${seq}`);
  }
}

describe('a request-scoped class', () => {
  it('gets a new instance for each event, with the event as its request', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [PerEvent] }, cluster);

    expect(made).toBe(0);
    cluster.publish('order.placed', 'a');
    cluster.publish('order.placed', 'b');
    await cluster.settled();
    expect(heard).toEqual(['#1 a/a order.placed 1', '#2 b/b order.placed 2']);
    await app.close();
  });

  it('may be so because of what it injects', async () => {
    @Injectable()
    class Indirect {
      constructor(readonly perEvent: PerEvent) {}
      @OnClusterEvent('order.noted')
      on(payload: string): void {
        heard.push(`${payload} by ${this.perEvent.number}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [PerEvent, Indirect] }, cluster);

    cluster.publish('order.noted', 'a');
    cluster.publish('order.noted', 'b');
    await cluster.settled();
    expect(heard).toEqual(['a by 1', 'b by 2']);
    await app.close();
  });

  it('may be a controller', async () => {
    @Controller({ scope: Scope.REQUEST })
    class PerEventController {
      readonly number = ++made;
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(`#${this.number} ${payload}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ controllers: [PerEventController] }, cluster);

    cluster.publish('order.placed', 'a');
    cluster.publish('order.placed', 'b');
    await cluster.settled();
    expect(heard).toEqual(['#1 a', '#2 b']);
    await app.close();
  });

  it('hears gaps and member changes as well', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Watcher {
      readonly number = ++made;
      constructor(@Inject(REQUEST) private readonly request: ClusterRequest) {}
      @OnClusterGap()
      onGap(gap: Gap): void {
        heard.push(`#${this.number} ${gap === this.request.payload}`);
      }
      @OnMember('up')
      onUp(): void {
        heard.push(`#${this.number} ${this.request.context === undefined}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Watcher] }, cluster);

    await cluster.gap({ from: memberNamed('api-2'), reason: 'window', missed: 1 });
    await cluster.becomes('up', { member: memberNamed('api-2'), reason: 'linked' });
    expect(heard).toEqual(['#1 true', '#2 true']);
    await app.close();
  });

  it('is resolved in its own module when two modules use the same token', async () => {
    const classNamed = (name: string) => {
      @Injectable({ scope: Scope.REQUEST })
      class Named {
        @OnClusterEvent('order.placed')
        on(): void {
          heard.push(name);
        }
      }
      return Named;
    };
    @Module({ providers: [{ provide: 'TOKEN', useClass: classNamed('a') }] })
    class AModule {}
    @Module({ providers: [{ provide: 'TOKEN', useClass: classNamed('b') }] })
    class BModule {}
    const cluster = new FakeCluster();
    const app = await start({ imports: [AModule, BModule] }, cluster);

    cluster.publish('order.placed', 'x');
    await cluster.settled();
    expect(heard.sort()).toEqual(['a', 'b']);
    await app.close();
  });

  it('whose dependency cannot be made fails that event, and no other', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class Fragile {
      constructor() {
        if (++made === 1) throw new Error('cannot be made');
      }
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Fragile] }, cluster);

    cluster.publish('order.placed', 'a');
    cluster.publish('order.placed', 'b');
    await cluster.settled();
    expect(cluster.failures).toMatchObject([{ label: 'Fragile.on', error: { message: 'cannot be made' } }]);
    expect(heard).toEqual(['b']);
    await app.close();
  });
});

it('gives a transient class a new instance for each event, whatever aliases and consumers it has', async () => {
  @Injectable({ scope: Scope.TRANSIENT })
  class Transient {
    readonly number = ++made;
    @OnClusterEvent('order.placed')
    on(payload: string): void {
      heard.push(`#${this.number} ${payload}`);
    }
  }
  @Injectable()
  class Consumer {
    constructor(readonly transient: Transient) {}
  }
  const cluster = new FakeCluster();
  const app = await start({ providers: [Transient, { provide: 'ALIAS', useExisting: Transient }, Consumer] }, cluster);
  const before = made;

  cluster.publish('order.placed', 'a');
  cluster.publish('order.placed', 'b');
  await cluster.settled();
  expect(heard).toEqual([`#${before + 1} a`, `#${before + 2} b`]);
  await app.close();
});

it('guards a request-scoped class with the guards of its methods', async () => {
  @Injectable({ scope: Scope.REQUEST })
  class EvenGuard implements CanActivate {
    readonly number = ++made;
    canActivate(context: ExecutionContext): boolean {
      heard.push(`guard #${this.number}`);
      return context.switchToRpc().getData<number>() % 2 === 0;
    }
  }
  @Injectable()
  class Guarded {
    @UseGuards(EvenGuard)
    @OnClusterEvent('number.drawn')
    on(number: number): void {
      heard.push(`number ${number}`);
    }
  }
  const cluster = new FakeCluster();
  const app = await start({ providers: [Guarded] }, cluster);

  cluster.publish('number.drawn', 1);
  cluster.publish('number.drawn', 2);
  await cluster.settled();
  expect(heard).toEqual(['guard #1', 'guard #2', 'number 2']);
  expect(cluster.failures).toHaveLength(1);
  await app.close();
});

describe('global guards that are made for each event', () => {
  const guardOf = (scope: Scope) => {
    @Injectable({ scope })
    class GlobalGuard implements CanActivate {
      readonly number = ++made;
      canActivate(context: ExecutionContext): boolean {
        // Only an instance whose constructor ran has a number.
        heard.push(`guard #${this.number}`);
        return context.switchToRpc().getData<string>() !== 'forbidden';
      }
    }
    return GlobalGuard;
  };

  it.each([
    ['request-scoped', Scope.REQUEST, 0],
    ['transient', Scope.TRANSIENT, 1], // Nest makes one at the start.
  ])('stand before a singleton, which stays one: %s', async (_name, scope, before) => {
    @Injectable()
    class Singleton {
      count = 0;
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(`${payload} is number ${++this.count}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Singleton, { provide: APP_GUARD, useClass: guardOf(scope) }] }, cluster);

    cluster.publish('order.placed', 'a');
    cluster.publish('order.placed', 'forbidden');
    cluster.publish('order.placed', 'b');
    await cluster.settled();
    expect(heard).toEqual([
      `guard #${before + 1}`,
      'a is number 1',
      `guard #${before + 2}`,
      `guard #${before + 3}`,
      'b is number 2',
    ]);
    expect(cluster.failures).toMatchObject([{ label: 'Singleton.on', error: { message: 'Forbidden resource' } }]);
    await app.close();
  });
});

it('lets a durable class be shared by the events of one tenant', async () => {
  const tenants = new Map<string, ReturnType<typeof ContextIdFactory.create>>();
  ContextIdFactory.apply({
    attach(contextId, request: ClusterRequest) {
      const tenant = (request.payload as { tenant: string }).tenant;
      const shared = tenants.get(tenant) ?? ContextIdFactory.create();
      tenants.set(tenant, shared);
      return { resolve: (info) => (info.isTreeDurable ? shared : contextId), payload: { tenant } };
    },
  });
  @Injectable({ scope: Scope.REQUEST, durable: true })
  class PerTenant {
    readonly number = ++made;
    constructor(@Inject(REQUEST) private readonly request: { tenant: string }) {}
    @OnClusterEvent('order.placed')
    on(): void {
      heard.push(`${this.request.tenant} #${this.number}`);
    }
  }
  const cluster = new FakeCluster();
  const app = await start({ providers: [PerTenant] }, cluster);

  for (const tenant of ['red', 'blue', 'red']) cluster.publish('order.placed', { tenant });
  await cluster.settled();
  expect(heard).toEqual(['red #1', 'blue #2', 'red #1']);
  ContextIdFactory.apply(undefined as never);
  await app.close();
});
