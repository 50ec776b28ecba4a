import {
  type ArgumentMetadata,
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Injectable,
  Logger,
  type NestInterceptor,
  Param,
  type PipeTransform,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import * as internal from '@nestjs/common/internal';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE, ExternalContextCreator } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { ClusterCtx, ClusterPayload, type EventContext, type Gap, OnClusterEvent, OnClusterGap } from 'rookery';
import request from 'supertest';
import { EMPTY, map, type Observable, of, tap, throwError } from 'rxjs';
import { ENHANCER_METADATA } from '../../libs/cluster/src/events/handler-enhancers.js';
import { PARAMS_METADATA } from '../../libs/cluster/src/events/event-params.decorator.js';
import { appWith, start, startHttp } from './app.js';
import { FakeCluster, memberNamed } from './fake-cluster.js';

let heard: string[] = [];
afterEach(() => {
  heard = [];
});

/** Lets through what does not begin with `no`. Injected, so that it works only if Nest made it. */
@Injectable()
class Rules {
  allows(payload: string): boolean {
    return !payload.startsWith('no');
  }
}

@Injectable()
class RulesGuard implements CanActivate {
  constructor(private readonly rules: Rules) {}
  canActivate(context: ExecutionContext): boolean {
    const type = context.getType();
    const { topic } = context.switchToRpc().getContext<EventContext>();
    heard.push(`guard ${type} ${topic} ${context.getClass().name}.${context.getHandler().name}`);
    return this.rules.allows(context.switchToRpc().getData<string>());
  }
}

@Injectable()
class NotingInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    heard.push('before');
    return next.handle().pipe(tap(() => heard.push('after')));
  }
}

@Injectable()
class UpperPipe implements PipeTransform<string, string> {
  transform(value: string): string {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

@Catch(RangeError)
class RangeFilter implements ExceptionFilter<RangeError> {
  catch(error: RangeError, host: ArgumentsHost): string {
    heard.push(`filter ${error.message} ${host.switchToRpc().getData<string>()}`);
    return 'handled';
  }
}

async function publish(cluster: FakeCluster, ...payloads: unknown[]): Promise<void> {
  for (const payload of payloads) cluster.publish('order.placed', payload);
  await cluster.settled();
}

it('reads the metadata that Nest writes', () => {
  expect(ENHANCER_METADATA).toEqual({
    guards: internal.GUARDS_METADATA,
    interceptors: internal.INTERCEPTORS_METADATA,
    filters: internal.EXCEPTION_FILTERS_METADATA,
    pipes: internal.PIPES_METADATA,
  });
  expect(PARAMS_METADATA).toBe(internal.ROUTE_ARGS_METADATA);
});

describe('a guard', () => {
  const denied = [{ label: 'Orders.on', topic: 'order.placed', error: expect.any(ForbiddenException) }];

  it('on the method stands before the event', async () => {
    @Injectable()
    class Orders {
      @UseGuards(RulesGuard)
      @OnClusterEvent('order.placed')
      on(payload: string, { seq }: EventContext): void {
        heard.push(`${payload} ${seq}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Rules, Orders] }, cluster);

    await publish(cluster, 'a', 'no');
    expect(heard).toEqual(['guard rpc order.placed Orders.on', 'a 1', 'guard rpc order.placed Orders.on']);
    expect(cluster.failures).toEqual(denied);
    await app.close();
  });

  it('leaves it to the node alone to report what fails behind it', async () => {
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    @Injectable()
    class Orders {
      @UseGuards({ canActivate: () => true })
      @OnClusterEvent('order.placed')
      on(): void {
        throw new Error('broken');
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, 'a');
    expect(cluster.failures).toMatchObject([{ label: 'Orders.on', error: { message: 'broken' } }]);
    expect(error).not.toHaveBeenCalled();
    error.mockRestore();
    await app.close();
  });

  it('on the class stands before the event', async () => {
    @UseGuards(RulesGuard)
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Rules, Orders] }, cluster);

    await publish(cluster, 'no', 'a');
    expect(heard.filter((line) => !line.startsWith('guard'))).toEqual(['a']);
    expect(cluster.failures).toEqual(denied);
    await app.close();
  });

  it('of the whole application stands before the event', async () => {
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Rules, Orders, { provide: APP_GUARD, useClass: RulesGuard }] }, cluster);

    await publish(cluster, 'no', 'a');
    expect(heard.filter((line) => !line.startsWith('guard'))).toEqual(['a']);
    expect(cluster.failures).toEqual(denied);
    await app.close();
  });

  it('set by useGlobalGuards stands before the event', async () => {
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await startHttp({ providers: [Orders] }, cluster, (http) =>
      http.useGlobalGuards({ canActivate: (context) => context.switchToRpc().getData<string>() !== 'no' }),
    );

    await publish(cluster, 'no', 'a');
    expect(heard).toEqual(['a']);
    expect(cluster.failures).toEqual(denied);
    await app.close();
  });

  it('that is transient is made by Nest', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientGuard implements CanActivate {
      private readonly allowed = true;
      canActivate(): boolean {
        return this.allowed;
      }
    }
    @Injectable()
    class Orders {
      @UseGuards(TransientGuard)
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['a']);
    await app.close();
  });

  it('that is an instance works in front of what a factory made', async () => {
    class Orders {
      @UseGuards({ canActivate: (context: ExecutionContext) => context.switchToRpc().getData<string>() !== 'no' })
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [{ provide: 'MADE', useFactory: () => new Orders() }] }, cluster);

    await publish(cluster, 'no', 'a');
    expect(heard).toEqual(['a']);
    await app.close();
  });

  it('does not stand before gaps', async () => {
    @Injectable()
    class Orders {
      @OnClusterGap()
      onGap({ from }: Gap): void {
        heard.push(from.name);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Rules, Orders, { provide: APP_GUARD, useClass: RulesGuard }] }, cluster);

    await cluster.gap({ from: memberNamed('api-2'), reason: 'window', missed: 1 });
    expect(heard).toEqual(['api-2']);
    await app.close();
  });
});

describe('an interceptor', () => {
  @Injectable()
  class Orders {
    @OnClusterEvent('order.placed')
    async on(payload: string): Promise<void> {
      await Promise.resolve();
      heard.push(payload);
    }
  }
  const around = ['before', 'a', 'after'];

  it('on the method surrounds the handler', async () => {
    @Injectable()
    class Intercepted extends Orders {
      @UseInterceptors(NotingInterceptor)
      @OnClusterEvent('order.placed')
      override on(payload: string): Promise<void> {
        return super.on(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Intercepted] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(around);
    await app.close();
  });

  it('on the class surrounds the handler', async () => {
    @UseInterceptors(NotingInterceptor)
    @Injectable()
    class Intercepted extends Orders {}
    const cluster = new FakeCluster();
    const app = await start({ providers: [Intercepted] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(around);
    await app.close();
  });

  it('of the whole application surrounds the handler, and events keep their order', async () => {
    const cluster = new FakeCluster();
    const app = await start(
      { providers: [Orders, { provide: APP_INTERCEPTOR, useClass: NotingInterceptor }] },
      cluster,
    );

    await publish(cluster, 'a', 'b');
    expect(heard).toEqual(['before', 'a', 'after', 'before', 'b', 'after']);
    await app.close();
  });

  it('that lets nothing through is no failure', async () => {
    const cluster = new FakeCluster();
    const app = await startHttp({ providers: [Orders] }, cluster, (http) =>
      http.useGlobalInterceptors({ intercept: () => EMPTY }),
    );

    await publish(cluster, 'a');
    expect(heard).toEqual([]);
    expect(cluster.failures).toEqual([]);
    await app.close();
  });

  it('sees what an Observable of the handler emits', async () => {
    @UseInterceptors({
      intercept: (_context: ExecutionContext, next: CallHandler<number>) =>
        next.handle().pipe(map((n) => heard.push(`seen ${n}`))),
    })
    @Injectable()
    class Observing {
      @OnClusterEvent('order.placed')
      on() {
        return of(1, 2);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Observing] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['seen 1', 'seen 2']);
    await app.close();
  });
});

describe('a pipe', () => {
  it('on the payload parameter changes it', async () => {
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(@ClusterPayload(UpperPipe) payload: string, @ClusterCtx() { seq }: EventContext): void {
        heard.push(`${payload} ${seq}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['A 1']);
    await app.close();
  });

  it('on the method or the class needs no parameter decorator', async () => {
    @UsePipes({ transform: (value: unknown) => (typeof value === 'string' ? `${value}!` : value) })
    @Injectable()
    class Orders {
      @UsePipes(UpperPipe)
      @OnClusterEvent('order.placed')
      on(payload: string, { seq }: EventContext): void {
        heard.push(`${payload} ${seq}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['A! 1']);
    await app.close();
  });

  it('of the whole application changes it', async () => {
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        heard.push(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders, { provide: APP_PIPE, useClass: UpperPipe }] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['A']);
    await app.close();
  });

  it('sees the payload as a body of the declared class, so that a ValidationPipe validates it', async () => {
    class Order {}
    const seen: ArgumentMetadata[] = [];
    const pipe: PipeTransform = {
      transform(value: unknown, metadata: ArgumentMetadata) {
        seen.push(metadata);
        return value;
      },
    };
    @Injectable()
    class Orders {
      @UsePipes(pipe)
      @OnClusterEvent('order.placed')
      undecorated(_order: Order): void {}

      @OnClusterEvent('order.placed')
      decorated(@ClusterCtx() _context: EventContext, @ClusterPayload(pipe) _order: Order): void {}
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, {});
    expect(seen.filter(({ metatype }) => metatype === Order)).toEqual([
      { metatype: Order, type: 'body', data: undefined, schema: undefined },
      { metatype: Order, type: 'body', data: undefined, schema: undefined },
    ]);
    await app.close();
  });

  it('that refuses the payload fails that event only', async () => {
    const validator = {
      validate: (order: { total?: unknown }) =>
        Promise.resolve(typeof order.total === 'number' ? [] : [{ property: 'total', constraints: { number: 'no' } }]),
    };
    const transformer = {
      plainToInstance: (Class: new () => object, value: object) => Object.assign(new Class(), value),
      classToPlain: (value: object) => ({ ...value }),
    };
    class Order {
      total!: number;
    }
    @Injectable()
    class Orders {
      @UsePipes(
        new ValidationPipe({
          validatorPackage: validator,
          transformerPackage: transformer as never,
          transform: true,
        }),
      )
      @OnClusterEvent('order.placed')
      on(order: Order): void {
        heard.push(`${order instanceof Order} ${order.total}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, { total: 'many' }, { total: 3 });
    expect(heard).toEqual(['true 3']);
    expect(cluster.failures).toMatchObject([{ error: expect.any(BadRequestException) }]);
    await app.close();
  });
});

describe('parameter decorators of @nestjs/microservices', () => {
  it('mean the same here', async () => {
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(@Payload() payload: { id: number }, @Ctx() { topic }: EventContext, @Payload('id') id: number): void {
        heard.push(`${payload.id} ${topic} ${id}`);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, { id: 7 });
    expect(heard).toEqual(['7 order.placed 7']);
    await app.close();
  });
});

describe('a filter', () => {
  const failing = (error: () => Error) => {
    @Injectable()
    class Orders {
      @UseFilters(RangeFilter)
      @OnClusterEvent('order.placed')
      on(): void {
        throw error();
      }
    }
    return Orders;
  };

  it('on the method handles what it catches', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [failing(() => new RangeError('far out'))] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual(['filter far out a']);
    expect(cluster.failures).toEqual([]);
    await app.close();
  });

  it('leaves what it does not catch to the node', async () => {
    const cluster = new FakeCluster();
    const app = await start({ providers: [failing(() => new TypeError('other'))] }, cluster);

    await publish(cluster, 'a');
    expect(heard).toEqual([]);
    expect(cluster.failures).toMatchObject([{ label: 'Orders.on', error: { message: 'other' } }]);
    await app.close();
  });

  it('on the class, and of the whole application, handles what it catches', async () => {
    @UseFilters(RangeFilter)
    @Injectable()
    class ByClass {
      @OnClusterEvent('order.placed')
      on(): void {
        throw new RangeError('class');
      }
    }
    @Injectable()
    class ByApp {
      @OnClusterEvent('order.noted')
      on(): void {
        throw new RangeError('app');
      }
    }
    const byClass = new FakeCluster();
    const first = await start({ providers: [ByClass] }, byClass);
    await publish(byClass, 'a');
    await first.close();
    const byApp = new FakeCluster();
    const second = await start({ providers: [ByApp, { provide: APP_FILTER, useClass: RangeFilter }] }, byApp);
    byApp.publish('order.noted', 'b');
    await byApp.settled();
    await second.close();

    expect(heard).toEqual(['filter class a', 'filter app b']);
    expect([...byClass.failures, ...byApp.failures]).toEqual([]);
  });

  it('may answer with an Observable, which is subscribed to', async () => {
    @Catch()
    class ObservableFilter implements ExceptionFilter {
      catch(error: Error): Observable<unknown> {
        return error.message === 'mild' ? of(null).pipe(tap(() => heard.push('subscribed'))) : throwError(() => error);
      }
    }
    @UseFilters(ObservableFilter)
    @Injectable()
    class Orders {
      @OnClusterEvent('order.placed')
      on(payload: string): void {
        throw new Error(payload);
      }
    }
    const cluster = new FakeCluster();
    const app = await start({ providers: [Orders] }, cluster);

    await publish(cluster, 'mild', 'grave');
    expect(heard).toEqual(['subscribed']);
    expect(cluster.failures).toMatchObject([{ error: { message: 'grave' } }]);
    await app.close();
  });
});

describe('the pipeline', () => {
  it('is built once, at the start', async () => {
    @Injectable()
    class Orders {
      @UseGuards(RulesGuard)
      @OnClusterEvent('order.placed')
      on(): void {}
    }
    const cluster = new FakeCluster();
    const app = await appWith({ providers: [Rules, Orders] }, cluster).compile();
    const create = jest.spyOn(app.get(ExternalContextCreator), 'create');
    await app.init();

    await publish(cluster, 'a', 'b', 'c');
    expect(create).toHaveBeenCalledTimes(1);
    await app.close();
  });

  it('leaves a method that is also a route as it is', async () => {
    @Controller('orders')
    class Orders {
      @Get(':id')
      @OnClusterEvent('order.placed')
      on(@Param('id') id: string): string {
        heard.push(String(id));
        return `order ${id}`;
      }
    }
    const cluster = new FakeCluster();
    const app = await startHttp({ controllers: [Orders] }, cluster);

    await request(app.getHttpServer()).get('/orders/7').expect(200, 'order 7');
    await app.close();
  });
});
