/** What stands before and behind a handler, and the errors that come of it: numbers in brackets are those of docs/nest-expectations.md. */
import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  Controller,
  type ExecutionContext,
  Inject,
  Injectable,
  type INestApplication,
  type NestInterceptor,
  type PipeTransform,
  Scope,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import {
  BaseRpcExceptionFilter,
  CONTEXT,
  Ctx,
  EventPattern,
  MessagePattern,
  Payload,
  type RequestContext,
  RpcException,
} from '@nestjs/microservices';
import { AsyncLocalStorage } from 'node:async_hooks';
import { afterEach, describe, expect, it } from '@jest/globals';
import { ClusterClient, ClusterContext, ClusterServer } from 'rookery';
import { lastValueFrom, map, Observable, throwError, toArray } from 'rxjs';
import { until } from '../integration/support.js';
import { addressOf, closeAll, failureOf, pair, startMember } from './members.js';

let seen: string[] = [];
afterEach(async () => {
  await closeAll();
  seen = [];
});

class SpyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    seen.push(`guard ${context.getType()} ${context.getHandler().name}`);
    const rpc = context.switchToRpc();
    return rpc.getData<unknown>() !== 'forbidden' && rpc.getContext<unknown>() instanceof ClusterContext;
  }
}

class SpyInterceptor implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    seen.push('interceptor');
    return next.handle().pipe(map((value) => (typeof value === 'string' ? `<${value}>` : value) as unknown));
  }
}

class SpyPipe implements PipeTransform {
  transform(value: unknown): unknown {
    seen.push('pipe');
    return typeof value === 'string' ? value.trim() : value;
  }
}

@Catch()
class SpyFilter extends BaseRpcExceptionFilter {
  override catch(exception: Error, host: ArgumentsHost): Observable<never> {
    seen.push(`filter ${exception.message} ${host.getType()}`);
    return throwError(() => ({ caught: exception.message }));
  }
}

@Controller()
class Piped {
  @UseGuards(SpyGuard)
  @UseInterceptors(SpyInterceptor)
  @UsePipes(SpyPipe)
  @MessagePattern('echo')
  echo(@Payload() data: string): string {
    seen.push('handler');
    return data;
  }

  @UseFilters(SpyFilter)
  @MessagePattern('filtered')
  filtered(): never {
    throw new Error('broken');
  }

  @UseFilters(SpyFilter)
  @MessagePattern('filtered-stream')
  filteredStream(): Observable<number> {
    return new Observable((subscriber) => {
      subscriber.next(1);
      subscriber.error(new Error('halfway'));
    });
  }

  @UseInterceptors(SpyInterceptor)
  @MessagePattern('generated')
  async *generated(words: string[]): AsyncGenerator<string> {
    for (const word of words) yield await Promise.resolve(word);
  }

  @UseGuards(SpyGuard)
  @UseInterceptors(SpyInterceptor)
  @EventPattern('happened')
  happened(data: string): void {
    seen.push(`happened ${data}`);
  }
}

@Controller()
class Failing {
  @MessagePattern('text')
  text(): never {
    throw new RpcException('Invalid credentials.');
  }

  @MessagePattern('object')
  object(): never {
    throw new RpcException({ code: 'E42', details: [new Date(7), 2n] });
  }

  @MessagePattern('error')
  error(): never {
    throw new Error('the password is 1234');
  }

  @MessagePattern('stream')
  stream(): Observable<number> {
    return throwError(() => new RpcException('of a stream'));
  }

  @MessagePattern('generator')
  async *generator(): AsyncGenerator<number> {
    yield await Promise.resolve(1);
    throw new RpcException('of a generator');
  }

  @MessagePattern('broken-generator')
  async *brokenGenerator(): AsyncGenerator<number> {
    yield await Promise.reject<number>(new Error('the password is 1234'));
  }

  @MessagePattern('unsendable')
  unsendable(): unknown {
    return { fn: () => 1 };
  }
}

const sent = (app: INestApplication, pattern: unknown, data: unknown = {}): Promise<unknown> =>
  lastValueFrom(app.get(ClusterClient).send<unknown>(pattern, data).pipe(toArray()));

describe('before a handler', () => {
  it('stand guards, interceptors and pipes, with the context of the call [25]', async () => {
    const [, client] = await pair({ controllers: [Piped] });
    expect(await sent(client, 'echo', ' hello ')).toEqual(['<hello>']);
    expect(seen).toEqual(['guard rpc echo', 'interceptor', 'pipe', 'handler']);
  });

  it('a guard may refuse [26]', async () => {
    const [, client] = await pair({ controllers: [Piped] });
    expect(await failureOf(sent(client, 'echo', 'forbidden'))).toEqual({
      status: 'error',
      message: 'Forbidden resource',
    });
    expect(seen).toEqual(['guard rpc echo']);
  });

  it('stands the same for events, once for each [27]', async () => {
    const [, client] = await pair({ controllers: [Piped] });
    client.get(ClusterClient).emit('happened', 'twice');
    client.get(ClusterClient).emit('happened', 'forbidden');
    client.get(ClusterClient).emit('happened', 'again');
    await until(() => seen.includes('happened again'), 'the last one');
    expect(seen.filter((line) => line.startsWith('happened'))).toEqual(['happened twice', 'happened again']);
    expect(seen.filter((line) => line === 'guard rpc happened')).toHaveLength(3);
  });

  it('an interceptor may stand before an async iterable, too [D8]', async () => {
    const [, client] = await pair({ controllers: [Piped] });
    expect(await sent(client, 'generated', ['a', 'b'])).toEqual(['a', 'b']);
  });

  it('stands what is global for the microservice [28]', async () => {
    @Controller()
    class Plain {
      @MessagePattern('plain')
      plain(data: string): string {
        return data;
      }
      @MessagePattern('exception')
      exception(): never {
        throw new Error('global');
      }
    }
    const server = await startMember('server', { controllers: [Plain] }, [], (app) => {
      const microservice = app.connectMicroservice({ strategy: app.get(ClusterServer) }, { deferInitialization: true });
      microservice.useGlobalGuards(new SpyGuard());
      microservice.useGlobalFilters(new SpyFilter());
      microservice.useGlobalInterceptors(new SpyInterceptor());
      microservice.useGlobalPipes(new SpyPipe());
    });
    const client = await startMember('client', {}, [addressOf(server)]);
    expect(await sent(client, 'plain', ' hello ')).toEqual(['<hello>']);
    expect(await failureOf(sent(client, 'exception'))).toEqual({ caught: 'global' });
    expect(seen).toContain('filter global rpc');
  });

  it('stands what is global for the HTTP application only where that is inherited [29]', async () => {
    const configure = (inheritAppConfig: boolean) => (app: INestApplication) => {
      app.useGlobalInterceptors(new SpyInterceptor());
      app.connectMicroservice({ strategy: app.get(ClusterServer) }, { inheritAppConfig });
    };
    @Controller()
    class Plain {
      @MessagePattern('plain')
      plain(): string {
        return 'plain';
      }
    }
    const apart = await startMember('apart', { controllers: [Plain] }, [], configure(false));
    const heir = await startMember('heir', { controllers: [Plain] }, [addressOf(apart)], configure(true));
    const client = heir.get(ClusterClient);
    expect(await lastValueFrom(client.to('apart').send('plain', {}))).toBe('plain');
    expect(await lastValueFrom(client.to('heir').send('plain', {}))).toBe('<plain>');
  });

  it('run pre-request hooks, whose asynchronous context reaches guard and handler [30]', async () => {
    const storage = new AsyncLocalStorage<string>();
    class StoreGuard implements CanActivate {
      canActivate(): boolean {
        seen.push(`guard ${storage.getStore()}`);
        return true;
      }
    }
    @Controller()
    class Hooked {
      @UseGuards(StoreGuard)
      @MessagePattern('hooked')
      hooked(): string {
        return `handler ${storage.getStore()}`;
      }
    }
    const server = await startMember('server', { controllers: [Hooked] }, [], (app) => {
      const microservice = app.connectMicroservice({ strategy: app.get(ClusterServer) }, { deferInitialization: true });
      microservice.registerPreRequestHook(
        (_context, next) => new Observable((subscriber) => storage.run('stored', () => next().subscribe(subscriber))),
      );
    });
    const client = await startMember('client', {}, [addressOf(server)]);
    expect(await sent(client, 'hooked')).toEqual(['handler stored']);
    expect(seen).toEqual(['guard stored']);
  });
});

describe('an error', () => {
  it('that is an RpcException arrives as it was thrown [31]', async () => {
    const [, client] = await pair({ controllers: [Failing] });
    expect(await failureOf(sent(client, 'text'))).toEqual({ status: 'error', message: 'Invalid credentials.' });
    expect(await failureOf(sent(client, 'object'))).toEqual({ code: 'E42', details: [new Date(7), 2n] });
    expect(await failureOf(sent(client, 'stream'))).toEqual({ status: 'error', message: 'of a stream' });
    expect(await failureOf(sent(client, 'generator'))).toEqual({ status: 'error', message: 'of a generator' });
  });

  it('of any other kind tells the caller nothing of itself [32]', async () => {
    const [, client] = await pair({ controllers: [Failing] });
    const unknown = { status: 'error', message: 'Internal server error' };
    expect(await failureOf(sent(client, 'error'))).toEqual(unknown);
    expect(await failureOf(sent(client, 'broken-generator'))).toEqual(unknown);
  });

  it('goes through the filters, those of a stream after its values [33]', async () => {
    const [, client] = await pair({ controllers: [Piped] });
    expect(await failureOf(sent(client, 'filtered'))).toEqual({ caught: 'broken' });
    const values: unknown[] = [];
    const error = await failureOf(
      lastValueFrom(
        client
          .get(ClusterClient)
          .send('filtered-stream', {})
          .pipe(map((value) => values.push(value))),
      ),
    );
    expect([values, error]).toEqual([[1], { caught: 'halfway' }]);
  });

  it('is told where an answer cannot be sent [D6]', async () => {
    const [, client] = await pair({ controllers: [Failing] });
    expect(await failureOf(sent(client, 'unsendable'))).toEqual(expect.stringContaining('fn'));
  });
});

describe('request scope', () => {
  it('makes instances for each request, with the request at hand [34]', async () => {
    const count = { controllers: 0, shared: 0 };
    @Injectable()
    class Shared {
      constructor() {
        count.shared++;
      }
    }
    @Injectable({ scope: Scope.REQUEST })
    class Scoped {
      constructor(
        @Inject(CONTEXT) readonly request: RequestContext<string, ClusterContext>,
        readonly shared: Shared,
      ) {}
    }
    @Controller()
    class ScopedController {
      constructor(private readonly scoped: Scoped) {
        count.controllers++;
      }
      @MessagePattern({ cmd: 'scoped' })
      answer(): unknown {
        const { pattern, data, context } = this.scoped.request;
        return { pattern, data, from: context?.getMember().name };
      }
      @EventPattern<string>('scoped')
      hear(@Payload() data: string, @Ctx() context: ClusterContext): void {
        seen.push(`${data} ${this.scoped.request.data} ${context.getPattern()}`);
      }
    }
    const [, client] = await pair({ controllers: [ScopedController], providers: [Scoped, Shared] });
    for (const data of ['a', 'b', 'c']) {
      expect(await sent(client, { cmd: 'scoped' }, data)).toEqual([
        { pattern: { cmd: 'scoped' }, data, from: 'client' },
      ]);
    }
    client.get(ClusterClient).emit('scoped', 'd');
    await until(() => seen.length === 1, 'the event');
    expect(seen).toEqual(['d d scoped']);
    expect(count).toEqual({ controllers: 4, shared: 1 });
  });
});
