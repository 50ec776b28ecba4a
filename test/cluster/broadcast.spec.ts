import {
  applyDecorators,
  type CanActivate,
  Controller,
  type ExecutionContext,
  Inject,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  Scope,
  SetMetadata,
  UseGuards,
} from '@nestjs/common';
import { APP_GUARD, ModuleRef, REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { describe, expect, it, jest } from '@jest/globals';
import { bindCluster, Cluster, ClusterBroadcast, ClusterError, OnClusterEvent } from 'rookery';
import { of } from 'rxjs';
import request from 'supertest';
import { inspect } from 'node:util';
import { appWith, start, startHttp } from './app.js';
import { FakeCluster, memberNamed } from './fake-cluster.js';

interface Stock {
  readonly item: string;
  readonly left: number;
}

@Injectable()
class Warehouse {
  private readonly left = new Map<string, number>();

  @ClusterBroadcast('stock.changed')
  set(item: string, left: number): Stock {
    this.left.set(item, left);
    return { item, left };
  }

  @ClusterBroadcast('stock.changed')
  async load(item: string): Promise<Stock | undefined> {
    await Promise.resolve();
    if (item === 'broken') throw new Error('cannot be loaded');
    const left = this.left.get(item);
    return left === undefined ? undefined : { item, left };
  }

  @ClusterBroadcast('stock.failed')
  fail(): never {
    throw new Error('failed');
  }

  @ClusterBroadcast('stock.changed', {
    payload: (left: number, [item]: [string, number]) => (left === 0 ? undefined : { item, left }),
  })
  add(item: string, more: number): number {
    const left = (this.left.get(item) ?? 0) + more;
    this.left.set(item, left);
    return left;
  }
}

async function warehouseOn(cluster: FakeCluster) {
  const app = await start({ providers: [Warehouse] }, cluster);
  return { app, warehouse: app.get(Warehouse) };
}

describe('a method with @ClusterBroadcast', () => {
  it('publishes what it returns, and stays synchronous', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);

    expect(warehouse.set('lamp', 3)).toEqual({ item: 'lamp', left: 3 });
    expect(cluster.published).toEqual([{ topic: 'stock.changed', payload: { item: 'lamp', left: 3 } }]);
    await app.close();
  });

  it('publishes what its promise resolves to, before the caller goes on', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);
    warehouse.set('lamp', 3);

    const loading = warehouse.load('lamp');
    expect(cluster.published).toHaveLength(1);
    await expect(loading).resolves.toEqual({ item: 'lamp', left: 3 });
    expect(cluster.published).toHaveLength(2);
    await app.close();
  });

  it('publishes nothing when it throws or rejects, and the caller gets that very error', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);

    expect(() => warehouse.fail()).toThrow('failed');
    await expect(warehouse.load('broken')).rejects.toThrow('cannot be loaded');
    expect(cluster.published).toEqual([]);
    await app.close();
  });

  it('publishes nothing when there is nothing to say', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);

    await expect(warehouse.load('unknown')).resolves.toBeUndefined();
    expect(warehouse.add('lamp', 0)).toBe(0);
    expect(cluster.published).toEqual([]);
    await app.close();
  });

  it('publishes what its payload function makes of the result and the arguments', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);

    expect(warehouse.add('lamp', 2)).toBe(2);
    expect(cluster.published).toEqual([{ topic: 'stock.changed', payload: { item: 'lamp', left: 2 } }]);
    await app.close();
  });

  it('gives the caller the error of the cluster when publishing fails', async () => {
    const cluster = new FakeCluster();
    @Injectable()
    class Careless {
      @ClusterBroadcast('careless.said')
      say(): unknown {
        return { callback: () => undefined };
      }
      @ClusterBroadcast('careless.said')
      async promise(): Promise<unknown> {
        return Promise.resolve({ callback: () => undefined });
      }
    }
    const app = await start({ providers: [Careless] }, cluster);

    expect(() => app.get(Careless).say()).toThrow(expect.objectContaining({ code: 'CLUSTER_INVALID_PAYLOAD' }));
    await expect(app.get(Careless).promise()).rejects.toMatchObject({ code: 'CLUSTER_INVALID_PAYLOAD' });
    cluster.publishError = new ClusterError('CLUSTER_LEFT', 'gone');
    expect(() => app.get(Careless).say()).toThrow(cluster.publishError);
    await app.close();
  });

  it('works on a base class, and in an override that calls it', async () => {
    @Injectable()
    class Branch extends Warehouse {
      override set(item: string, left: number): Stock {
        return super.set(`branch ${item}`, left);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Branch] }, cluster);

    app.get(Branch).set('lamp', 1);
    expect(cluster.published).toEqual([{ topic: 'stock.changed', payload: { item: 'branch lamp', left: 1 } }]);
    await app.close();
  });

  it('may publish to several topics, the nearest first', async () => {
    @Injectable()
    class Twice {
      @ClusterBroadcast('second.told', { payload: (n: number) => n + 1 })
      @ClusterBroadcast('first.told')
      tell(n: number): number {
        return n;
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Twice] }, cluster);

    expect(app.get(Twice).tell(1)).toBe(1);
    expect(cluster.published).toEqual([
      { topic: 'first.told', payload: 1 },
      { topic: 'second.told', payload: 2 },
    ]);
    await app.close();
  });

  it('may itself handle an event, and so pass it on', async () => {
    @Injectable()
    class Relay {
      @ClusterBroadcast('stock.relayed')
      @OnClusterEvent('stock.counted')
      below(count: number): number {
        return count + 1;
      }
      @OnClusterEvent('stock.relayed')
      @ClusterBroadcast('stock.done')
      above(count: number): number {
        return count + 1;
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Relay] }, cluster);

    cluster.publish('stock.counted', 1);
    expect(cluster.published.map(({ topic, payload }) => `${topic} ${String(payload)}`)).toEqual([
      'stock.counted 1',
      'stock.relayed 2',
      'stock.done 3',
    ]);
    await app.close();
  });
});

describe('the wrapper', () => {
  it('keeps name, length and metadata, said above and below', () => {
    class Decorated {
      @SetMetadata('above', 1)
      @ClusterBroadcast('some.thing')
      @SetMetadata('below', 2)
      method(first: string, _second: number): string {
        return first;
      }
    }
    const { method } = Decorated.prototype;

    expect([method.name, method.length]).toEqual(['method', 2]);
    expect(Reflect.getMetadata('above', method)).toBe(1);
    expect(Reflect.getMetadata('below', method)).toBe(2);
    expect(Reflect.getMetadata('design:paramtypes', Decorated.prototype, 'method')).toEqual([String, Number]);
    expect(Reflect.getMetadata('design:returntype', Decorated.prototype, 'method')).toBe(String);
  });

  it('leaves guards and pipes of a route in force, on either side', async () => {
    const denyTwo: CanActivate = {
      canActivate: (context: ExecutionContext) =>
        context.switchToHttp().getRequest<{ params: { id: string } }>().params.id !== '2',
    };
    @Controller('items')
    class Items {
      @UseGuards(denyTwo)
      @ClusterBroadcast('item.touched')
      @Post('above/:id')
      above(@Param('id', ParseIntPipe) id: number): number {
        return id;
      }
      @Post('below/:id')
      @ClusterBroadcast('item.touched')
      @UseGuards(denyTwo)
      below(@Param('id', ParseIntPipe) id: number): number {
        return id;
      }
    }
    const cluster = new FakeCluster();
    const app = await startHttp({ controllers: [Items] }, cluster);

    for (const side of ['above', 'below']) {
      await request(app.getHttpServer()).post(`/items/${side}/1`).expect(201, '1');
      await request(app.getHttpServer()).post(`/items/${side}/2`).expect(403);
      await request(app.getHttpServer()).post(`/items/${side}/x`).expect(400);
    }
    expect(cluster.published.map(({ payload }) => payload)).toEqual([1, 1]);
    await app.close();
  });

  it('is applied by composed decorators too', async () => {
    const Announced = () =>
      applyDecorators(SetMetadata('announced', true), ClusterBroadcast('some.thing') as MethodDecorator);
    @Injectable()
    class Composed {
      @Announced()
      method(): string {
        return 'said';
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Composed] }, cluster);

    app.get(Composed).method();
    expect(cluster.published).toEqual([{ topic: 'some.thing', payload: 'said' }]);
    await app.close();
  });

  it('leaves no trace of the cluster on the instance', async () => {
    const cluster = new FakeCluster();
    const { app, warehouse } = await warehouseOn(cluster);

    expect(
      Reflect.ownKeys(warehouse).filter((key) => Object.getOwnPropertyDescriptor(warehouse, key)!.enumerable),
    ).toEqual(['left']);
    expect(inspect(warehouse)).not.toContain('FakeCluster');
    await app.close();
  });
});

describe('the cluster is found', () => {
  it('by request-scoped and transient instances', async () => {
    @Injectable({ scope: Scope.REQUEST })
    class PerRequest {
      constructor(@Inject(REQUEST) private readonly request: { who: string }) {}
      @ClusterBroadcast('scoped.said')
      say(): string {
        return `request of ${this.request.who}`;
      }
    }
    @Injectable({ scope: Scope.TRANSIENT })
    class Transient {
      @ClusterBroadcast('scoped.said')
      say(): string {
        return 'transient';
      }
    }
    @Injectable()
    class Holder {
      constructor(readonly transient: Transient) {}
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [PerRequest, Transient, Holder] }, cluster);
    const contextId = { id: 1 };
    app.get(ModuleRef).registerRequestByContextId({ who: 'ann' }, contextId);

    (await app.resolve(PerRequest, contextId)).say();
    (await app.resolve(Transient)).say();
    app.get(Holder).transient.say();
    expect(cluster.published.map(({ payload }) => payload)).toEqual(['request of ann', 'transient', 'transient']);
    await app.close();
  });

  it('by what factories and values provide, already while modules are initialized', async () => {
    @Module({ providers: [{ provide: 'MADE', useFactory: () => new Warehouse() }], exports: ['MADE'] })
    class MadeModule {
      constructor(@Inject('MADE') private readonly warehouse: Warehouse) {}
      onModuleInit(): void {
        this.warehouse.set('early', 1);
      }
    }
    const value = new Warehouse();
    const cluster = new FakeCluster();
    const app = await start({ imports: [MadeModule], providers: [{ provide: 'VALUE', useValue: value }] }, cluster);

    value.set('late', 2);
    expect(cluster.published.map(({ payload }) => payload)).toEqual([
      { item: 'early', left: 1 },
      { item: 'late', left: 2 },
    ]);
    await app.close();
  });

  it('by guards and other classes that Nest makes', async () => {
    @Injectable()
    class NotingGuard implements CanActivate {
      canActivate(): boolean {
        this.note();
        return true;
      }
      @ClusterBroadcast('guard.passed')
      note(): string {
        return 'passed';
      }
    }
    @Controller()
    class Anything {
      @Post()
      post(): void {}
    }
    const cluster = new FakeCluster();
    const app = await startHttp(
      { controllers: [Anything], providers: [{ provide: APP_GUARD, useClass: NotingGuard }] },
      cluster,
    );

    await request(app.getHttpServer()).post('/').expect(201);
    expect(cluster.published).toEqual([{ topic: 'guard.passed', payload: 'passed' }]);
    await app.close();
  });

  it('in its own application, of two in one process', async () => {
    const [red, blue] = [new FakeCluster('red'), new FakeCluster('blue')];
    const [redApp, blueApp] = [await warehouseOn(red), await warehouseOn(blue)];

    redApp.warehouse.set('red', 1);
    blueApp.warehouse.set('blue', 2);
    await redApp.warehouse.load('red');
    expect(red.published.map(({ payload }) => (payload as Stock).item)).toEqual(['red', 'red']);
    expect(blue.published.map(({ payload }) => (payload as Stock).item)).toEqual(['blue']);
    await redApp.app.close();
    blueApp.warehouse.set('blue', 3);
    expect(blue.published).toHaveLength(2);
    await blueApp.app.close();
  });

  it('one after the other by a value that two applications use in turn, never at the same time', async () => {
    const shared = { provide: 'SHARED', useValue: new Warehouse() };
    const [first, second] = [new FakeCluster('first'), new FakeCluster('second')];
    const app = await start({ providers: [shared] }, first);

    await expect(start({ providers: [shared] }, second)).rejects.toMatchObject({ code: 'CLUSTER_SHARED_INSTANCE' });
    await app.close();
    const next = await start({ providers: [shared] }, second);
    shared.useValue.set('lamp', 1);
    expect([first.published.length, second.published.length]).toEqual([0, 1]);
    await next.close();
  });

  it('by an object made with new, once it is bound', () => {
    const cluster = {
      publish: jest.fn<Cluster['publish']>(),
      publishConfirmed: jest.fn<Cluster['publishConfirmed']>(),
    };
    const warehouse = new Warehouse();
    bindCluster(warehouse, cluster);

    warehouse.set('lamp', 1);
    expect(cluster.publish).toHaveBeenCalledWith('stock.changed', { item: 'lamp', left: 1 });
  });

  it('or the method does nothing, and says how to bind it', () => {
    const warehouse = new Warehouse();
    const body = jest.spyOn(Map.prototype, 'set');

    expect(() => warehouse.set('lamp', 1)).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_NOT_BOUND',
        message: expect.stringContaining('bindCluster(instance, cluster)'),
      }),
    );
    expect(() => (0, warehouse.set)('lamp', 1)).toThrow(expect.objectContaining({ code: 'CLUSTER_NOT_BOUND' }));
    expect(body).not.toHaveBeenCalled();
    body.mockRestore();
  });

  it('or the application does not start, and the error names the module to import', async () => {
    const app = Test.createTestingModule({ providers: [Warehouse] }).compile();

    await expect(app).rejects.toThrow(/@ClusterBroadcast needs ClusterModule\.forRoot\(\)/);
  });
});

describe('with confirm', () => {
  @Injectable()
  class Bans {
    @ClusterBroadcast('ban.decided', { confirm: { timeoutMs: 250 } })
    async ban(user: string): Promise<string> {
      return Promise.resolve(user);
    }
    @ClusterBroadcast('ban.decided', { confirm: true, payload: (user: string) => ({ user }) })
    async banMapped(user: string): Promise<string> {
      return Promise.resolve(user);
    }
  }

  it('waits until the others have handled it', async () => {
    const cluster = new FakeCluster();
    let confirm: () => void = () => undefined;
    cluster.confirmation = new Promise((resolve) => {
      confirm = () => resolve({ confirmed: [], failed: [], pending: [] });
    });
    const app = await start({ providers: [Bans] }, cluster);
    const done = jest.fn();

    const banning = app.get(Bans).ban('u1').then(done);
    await new Promise(setImmediate);
    expect(cluster.published).toEqual([{ topic: 'ban.decided', payload: 'u1' }]);
    expect(done).not.toHaveBeenCalled();
    confirm();
    await banning;
    expect(done).toHaveBeenCalledWith('u1');
    expect(cluster.calls.at(-1)).toBe('publishConfirmed {"timeoutMs":250}');
    await app.close();
  });

  it('resolves all the same when not everybody did, with a warning that names them', async () => {
    const cluster = new FakeCluster();
    cluster.confirmation = Promise.resolve({
      confirmed: [memberNamed('api-1')],
      failed: [memberNamed('api-2')],
      pending: [memberNamed('api-3')],
    });
    const warnings: unknown[] = [];
    const nothing = (): void => undefined;
    const app = await appWith({ providers: [Bans] }, cluster)
      .setLogger({ log: nothing, error: nothing, warn: (message: unknown) => warnings.push(message) })
      .compile();
    await app.init();

    await expect(app.get(Bans).banMapped('u1')).resolves.toBe('u1');
    expect(cluster.published).toEqual([{ topic: 'ban.decided', payload: { user: 'u1' } }]);
    expect(warnings).toEqual([expect.stringMatching(/'ban\.decided'.*failed on api-2; no answer of api-3/)]);
    await app.close();
  });

  it('gives the caller the error of the cluster', async () => {
    const cluster = new FakeCluster();
    cluster.confirmation = Promise.reject(new ClusterError('CLUSTER_TOO_MANY_PENDING', 'too many'));
    const app = await start({ providers: [Bans] }, cluster);

    await expect(app.get(Bans).ban('u1')).rejects.toMatchObject({ code: 'CLUSTER_TOO_MANY_PENDING' });
    await app.close();
  });

  it('is refused on a synchronous method, with nothing published', async () => {
    @Injectable()
    class Sync {
      @(ClusterBroadcast('ban.decided', { confirm: true }) as MethodDecorator)
      ban(): string {
        return 'u1';
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Sync] }, cluster);

    expect(() => app.get(Sync).ban()).toThrow(
      expect.objectContaining({
        code: 'CLUSTER_INVALID_RESULT',
        message: expect.stringContaining('Make the method async'),
      }),
    );
    expect(cluster.published).toEqual([]);
    await app.close();
  });
});

describe('results that cannot be announced', () => {
  it('are refused when they turn out to be an Observable or a generator, or the payload a promise', async () => {
    function* numbers(): Generator<number> {
      yield 1;
    }
    async function* asyncNumbers(): AsyncGenerator<number> {
      yield await Promise.resolve(1);
    }
    @Injectable()
    class Odd {
      @ClusterBroadcast('odd.said')
      observable() {
        return of(1);
      }
      @ClusterBroadcast('odd.said')
      async later() {
        return Promise.resolve(of(1));
      }
      @ClusterBroadcast('odd.said')
      generator() {
        return numbers();
      }
      @ClusterBroadcast('odd.said')
      async generatorLater() {
        return Promise.resolve(numbers());
      }
      @ClusterBroadcast('odd.said')
      asyncGenerator() {
        return asyncNumbers();
      }
      @ClusterBroadcast('odd.said', { payload: (n: number) => Promise.resolve(n) })
      mapped(): number {
        return 1;
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Odd] }, cluster);
    const refusal = expect.objectContaining({ code: 'CLUSTER_INVALID_RESULT' });

    expect(() => app.get(Odd).observable()).toThrow(refusal);
    await expect(app.get(Odd).later()).rejects.toEqual(refusal);
    expect(() => app.get(Odd).generator()).toThrow(refusal);
    await expect(app.get(Odd).generatorLater()).rejects.toEqual(refusal);
    expect(() => app.get(Odd).asyncGenerator()).toThrow(refusal);
    expect(() => app.get(Odd).mapped()).toThrow(refusal);
    expect(cluster.published).toEqual([]);
    await app.close();
  });
});
