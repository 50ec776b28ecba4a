/** What Nest's users expect of `send` and `@MessagePattern`: numbers in brackets are those of docs/nest-expectations.md. */
import { Controller } from '@nestjs/common';
import { Ctx, MessagePattern, Payload } from '@nestjs/microservices';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ClusterCallError, ClusterClient, type ClusterContext } from 'rookery';
import {
  concat,
  EMPTY,
  finalize,
  firstValueFrom,
  from,
  lastValueFrom,
  NEVER,
  type Observable,
  of,
  range,
  take,
  timeout,
  toArray,
} from 'rxjs';
import { until } from '../integration/support.js';
import { breakLinks, closeAll, failureOf, pair } from './members.js';

let client: ClusterClient;
beforeAll(async () => {
  const [, app] = await pair({ controllers: [MathController] });
  client = app.get(ClusterClient);
});
afterAll(() => closeAll());

/** What the handlers of this file were seen to do. */
let seen: string[] = [];
afterEach(() => {
  seen = [];
});

@Controller()
class MathController {
  @MessagePattern({ cmd: 'sum' })
  sum(data: number[]): number {
    return data.reduce((a, b) => a + b);
  }

  @MessagePattern({ cmd: 'asyncSum' })
  async asyncSum(data: number[]): Promise<number> {
    return Promise.resolve(data.reduce((a, b) => a + b));
  }

  @MessagePattern({ cmd: 'streamSum' })
  streamSum(data: number[]): Observable<number> {
    return of(data.reduce((a, b) => a + b));
  }

  @MessagePattern({ cmd: 'streaming' })
  streaming(data: number[]): Observable<number> {
    return from(data);
  }

  @MessagePattern('empty')
  empty(): Observable<number> {
    return EMPTY;
  }

  @MessagePattern('later')
  later(data: number[]): Promise<Observable<number>> {
    return Promise.resolve(from(data));
  }

  @MessagePattern('endless')
  endless(): Observable<string> {
    return concat(of('begun'), NEVER).pipe(finalize(() => seen.push('stopped')));
  }

  @MessagePattern('silent')
  silent(): Observable<never> {
    return NEVER.pipe(finalize(() => seen.push('stopped')));
  }

  @MessagePattern('generated')
  async *generated(count: number): AsyncGenerator<number> {
    try {
      for (let i = 0; i < count; i++) yield await Promise.resolve(i);
    } finally {
      seen.push('left');
    }
  }

  @MessagePattern('flood')
  flood(count: number): Observable<string> {
    return range(0, count).pipe(finalize(() => seen.push('stopped'))) as unknown as Observable<string>;
  }

  @MessagePattern('void')
  nothing(): void {}

  @MessagePattern('null')
  nothingAtAll(): null {
    return null;
  }

  @MessagePattern(['first-name', 'second-name'])
  named(@Ctx() context: ClusterContext): string {
    return context.getPattern();
  }

  @MessagePattern(42)
  numbered(): string {
    return 'forty-two';
  }

  @MessagePattern('time.us.*')
  wildcard(): string {
    return 'never';
  }

  @MessagePattern('counted')
  counted(): number {
    return seen.push('counted');
  }

  @MessagePattern('kinds')
  kinds(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('held')
  async held(@Ctx() context: ClusterContext): Promise<string> {
    seen.push(`begun with ${context.getRemainingMs() <= 50}`);
    await new Promise((resolve) => context.getSignal().addEventListener('abort', resolve));
    seen.push(`aborted in time: ${context.getRemainingMs() < 25}`);
    return 'too late';
  }
}

describe('an answer', () => {
  it('may be a plain value [1]', async () => {
    expect(await lastValueFrom(client.send<number>({ cmd: 'sum' }, [1, 2, 3, 4, 5]))).toBe(15);
  });

  it('may be a promise [2]', async () => {
    expect(await lastValueFrom(client.send<number>({ cmd: 'asyncSum' }, [1, 2, 3, 4, 5]))).toBe(15);
  });

  it('may be an Observable of one value [3]', async () => {
    expect(await lastValueFrom(client.send<number>({ cmd: 'streamSum' }, [1, 2, 3, 4, 5]).pipe(toArray()))).toEqual([
      15,
    ]);
  });

  it('may be an Observable of many values, in their order, also behind a promise [4]', async () => {
    const data = [1, 2, 3, 4, 5];
    expect(await lastValueFrom(client.send<number>({ cmd: 'streaming' }, data).pipe(toArray()))).toEqual(data);
    expect(await lastValueFrom(client.send<number>('later', data).pipe(toArray()))).toEqual(data);
  });

  it('may be an Observable of none [4]', async () => {
    expect(await lastValueFrom(client.send('empty', {}).pipe(toArray()))).toEqual([]);
  });

  it('may be null, and of a handler that returns nothing it is undefined [5]', async () => {
    expect(await lastValueFrom(client.send('null', {}).pipe(toArray()))).toEqual([null]);
    expect(await lastValueFrom(client.send('void', {}).pipe(toArray()))).toEqual([undefined]);
  });

  it('belongs to its request, however many are under way [6]', async () => {
    const rows = Array.from({ length: 10 }, (_, row) => Array.from({ length: 10 }, (__, k) => row * 10 + k + 1));
    const sums = await Promise.all(rows.map((row) => lastValueFrom(client.send<number>({ cmd: 'sum' }, row))));
    expect(sums).toEqual(rows.map((row) => row.reduce((a, b) => a + b)));
  });

  it('keeps the kinds of values that JSON loses [D6]', async () => {
    const data = {
      at: new Date(7),
      bytes: Buffer.from('abc'),
      big: 2n ** 60n,
      set: new Set([1]),
      map: new Map([[1, 2]]),
    };
    expect(await lastValueFrom(client.send('kinds', data))).toEqual(data);
  });

  it('may be an async iterable, which is asked for more only as the reader keeps up [D8]', async () => {
    expect(await lastValueFrom(client.send<number>('generated', 3).pipe(toArray()))).toEqual([0, 1, 2]);
    expect(seen).toEqual(['left']);
  });
});

describe('a pattern', () => {
  it('may be an object, whatever the order of its keys, and deep [7]', async () => {
    @Controller()
    class Deep {
      @MessagePattern({ service: 'math', deep: { cmd: 'do it', of: 1 } })
      answer(): string {
        return 'deep';
      }
    }
    const [, caller] = await pair({ controllers: [Deep] });
    const pattern = { deep: { of: 1, cmd: 'do it' }, service: 'math' };
    expect(await lastValueFrom(caller.get(ClusterClient).send(pattern, {}))).toBe('deep');
  });

  it('may be a number [8]', async () => {
    expect(await lastValueFrom(client.send(42, {}))).toBe('forty-two');
  });

  it('may be one of several of a handler, which learns by which it was asked [9]', async () => {
    expect(await lastValueFrom(client.send('first-name', {}))).toBe('first-name');
    expect(await lastValueFrom(client.send('second-name', {}))).toBe('second-name');
  });

  it('is exact for requests: a wildcard is a name like any other [10]', async () => {
    expect(await failureOf(lastValueFrom(client.send('time.us.east', {})))).toMatchObject({ code: 'NO_PEER' });
  });

  it('that nobody serves fails at once, and names what is served [11]', async () => {
    const error = await failureOf(lastValueFrom(client.send({ cmd: 'test' }, [1])));
    expect(error).toBeInstanceOf(ClusterCallError);
    expect(error).toMatchObject({ code: 'NO_PEER', message: expect.stringContaining('{"cmd":"sum"}') });
  });

  it.each([
    [undefined, {}],
    [null, {}],
    ['sum', undefined],
    ['sum', null],
  ])('and data must be given: %p, %p [12]', async (pattern, data) => {
    expect(await failureOf(lastValueFrom(client.send(pattern, data)))).toMatchObject({
      message: expect.stringContaining('undefined'),
    });
    expect(await failureOf(lastValueFrom(client.emit(pattern, data)))).toBeInstanceOf(Error);
  });
});

describe('the Observable of a request', () => {
  it('is cold: nothing is asked before somebody subscribes, and each subscriber asks anew [13]', async () => {
    const request = client.send<number>('counted', {});
    await lastValueFrom(client.send('kinds', 1));
    expect(seen).toEqual([]);
    expect(await lastValueFrom(request)).toBe(1);
    expect(await lastValueFrom(request)).toBe(2);
  });

  it('stops the handler when it is unsubscribed [14]', async () => {
    expect(await firstValueFrom(client.send('endless', {}))).toBe('begun');
    await until(() => seen.includes('stopped'), 'the end of the source');
    expect(await lastValueFrom(client.send('generated', 1e9).pipe(take(3), toArray()))).toEqual([0, 1, 2]);
    await until(() => seen.includes('left'), 'the end of the generator');
  });

  it('may be given a deadline by an operator, which stops the handler as well [15]', async () => {
    const error = await failureOf(lastValueFrom(client.send('silent', {}).pipe(timeout(20))));
    expect(error).toMatchObject({ name: 'TimeoutError' });
    await until(() => seen.includes('stopped'), 'the end of the source');
  });

  it('has a deadline of its own, of which the handler knows, and that ends both sides [D4]', async () => {
    const error = await failureOf(lastValueFrom(client.withDeadline(50).send('held', {})));
    expect(error).toMatchObject({ code: 'TIMEOUT', member: { name: 'server' } });
    await until(() => seen.length === 2, 'the handler to hear of it');
    expect(seen).toEqual(['begun with true', 'aborted in time: true']);
  });

  it('fails when an Observable outruns its reader by more than what may wait [D8]', async () => {
    const error = await failureOf(lastValueFrom(client.send('flood', 1_000_000)));
    expect(error).toMatchObject({ code: 'OVERFLOW' });
    expect(seen).toEqual(['stopped']);
  });

  it('fails with PEER_LOST when the member goes away without a word, and not at the deadline [16]', async () => {
    const [server, caller] = await pair({ controllers: [MathController] });
    const asked = failureOf(lastValueFrom(caller.get(ClusterClient).send('held', {})));
    await until(() => seen.length === 1, 'the handler');
    breakLinks(server);
    expect(await asked).toMatchObject({ code: 'PEER_LOST' });
  });
});
