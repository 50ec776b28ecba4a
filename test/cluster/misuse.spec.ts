import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { type CanActivate, type DynamicModule, Injectable, UseGuards, UsePipes } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Test } from '@nestjs/testing';
import {
  Cluster,
  ClusterBroadcast,
  ClusterModule,
  type ClusterOptions,
  ClusterPayload,
  dns,
  type MemberStatus,
  OnClusterEvent,
  OnClusterGap,
  OnMember,
} from 'rookery';
import { Observable, of } from 'rxjs';
import { forkTypescript } from '../apps/support/fork-typescript.js';
import { silent, start } from './app.js';
import { FakeCluster } from './fake-cluster.js';

const coded = (code: string, ...words: string[]) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join('.*'), 's')) });

@Injectable()
class AllowGuard implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

describe('topics are refused where they are written', () => {
  it.each([
    ['empty', '', 'is empty'],
    ['with an empty segment', 'price..changed', 'empty segment'],
    ['with a wildcard inside a segment', 'price.ch*', 'wildcard'],
    ['with > before the end', 'price.>.changed', "'>'"],
    ['no string', undefined as unknown as string, 'no string'],
  ])('to hear: %s', (_name, topic, word) => {
    expect(() => OnClusterEvent(topic)).toThrow(coded('CLUSTER_INVALID_TOPIC', word));
    if (topic !== undefined) expect(() => OnClusterGap(topic)).toThrow(coded('CLUSTER_INVALID_TOPIC', word));
  });

  it.each([
    ['empty', '', 'is empty'],
    ['a pattern', 'price.*', 'wildcards are for subscribing'],
    ['a pattern of many', 'price.>', 'wildcards are for subscribing'],
  ])('to publish to: %s', (_name, topic, word) => {
    expect(() => ClusterBroadcast(topic)).toThrow(coded('CLUSTER_INVALID_TOPIC', word));
  });
});

describe('options are refused where they are written', () => {
  it.each([Number.NaN, -1, Infinity, 2 ** 31, '250', null])('to wait for a confirmation: %p ms', (timeoutMs) => {
    const confirm = { timeoutMs: timeoutMs as number };
    expect(() => ClusterBroadcast('price.changed', { confirm })).toThrow(
      coded(
        'CLUSTER_INVALID_OPTIONS',
        'price.changed',
        'confirm.timeoutMs: must be a number of milliseconds from 0 to',
      ),
    );
  });

  it.each([250, 'yes', null])('to confirm: %p', (confirm) => {
    expect(() => ClusterBroadcast('price.changed', { confirm: confirm as unknown as true })).toThrow(
      coded('CLUSTER_INVALID_OPTIONS', 'price.changed', 'confirm: must be true, false, or an object'),
    );
  });

  it('and taken where they make sense', () => {
    for (const confirm of [true, {}, { timeoutMs: undefined }, { timeoutMs: 0 }, { timeoutMs: 2 ** 31 - 1 }]) {
      expect(() => ClusterBroadcast('price.changed', { confirm: confirm as true })).not.toThrow();
    }
  });
});

describe('decorators are refused where they cannot work', () => {
  it('an unknown status', () => {
    expect(() => OnMember('gone' as MemberStatus)).toThrow(
      coded('CLUSTER_INVALID_STATUS', "'up', 'suspect', 'lost', 'left'"),
    );
  });

  it.each<[string, () => unknown]>([
    ['@OnClusterEvent', () => OnClusterEvent('price.changed')],
    ['@OnClusterGap', () => OnClusterGap()],
    ['@OnMember', () => OnMember('up')],
    ['@ClusterBroadcast', () => ClusterBroadcast('price.changed')],
  ])('a static method: %s', (name, decorator) => {
    expect(() => {
      class Prices {
        @(decorator() as MethodDecorator)
        static on(): void {}
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_HANDLER', name, 'Prices.on', 'static', 'method of the instances'));
  });

  it('a property, and a getter', () => {
    expect(() => {
      class Prices {
        @(OnClusterEvent('price.changed') as PropertyDecorator)
        on = (): void => undefined;
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_HANDLER', 'Prices.on', 'Write it as a method'));
    expect(() => {
      class Prices {
        @(ClusterBroadcast('price.changed') as MethodDecorator)
        get on(): number {
          return 1;
        }
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_HANDLER', 'Prices.on'));
  });

  it('a method that is declared to return an Observable', () => {
    expect(() => {
      class Prices {
        @ClusterBroadcast('price.changed')
        on(): Observable<number> {
          return of(1);
        }
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_RESULT', 'Prices.on', 'lastValueFrom'));
  });

  it('a generator, and an async generator', () => {
    expect(() => {
      class Prices {
        @ClusterBroadcast('price.changed')
        *on(): Generator<number> {
          yield 1;
        }
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_RESULT', 'Prices.on', 'nothing has run yet'));
    expect(() => {
      class Prices {
        @ClusterBroadcast('price.changed')
        async *on(): AsyncGenerator<number> {
          yield await Promise.resolve(1);
        }
      }
      return Prices;
    }).toThrow(coded('CLUSTER_INVALID_RESULT', 'Prices.on', 'nothing has run yet'));
  });
});

describe('the application does not start', () => {
  it('with an override that lost the guards of the handler it overrides', async () => {
    @Injectable()
    class Prices {
      @UseGuards(AllowGuard)
      @OnClusterEvent('price.changed')
      on(): void {}
    }
    @Injectable()
    class Discounts extends Prices {
      override on(): void {}
    }
    await expect(start({ providers: [Discounts] })).rejects.toEqual(
      coded('CLUSTER_UNGUARDED_OVERRIDE', 'Discounts.on', 'guards', 'Repeat @OnClusterEvent'),
    );

    @Injectable()
    class Repeated extends Prices {
      @UseGuards(AllowGuard)
      override on(): void {}
    }
    @Injectable()
    class Waived extends Prices {
      @OnClusterEvent('price.changed')
      override on(): void {}
    }
    const app = await start({ providers: [Repeated, Waived] });
    await app.close();
  });

  it.each([
    ['a guard', UseGuards(AllowGuard)],
    [
      'a pipe',
      UsePipes(
        class TrimPipe {
          transform(value: unknown) {
            return value;
          }
        },
      ),
    ],
  ])('with %s that Nest does not make, on what a factory made', async (_name, decorator) => {
    class Prices {
      @decorator
      @OnClusterEvent('price.changed')
      on(): void {}
    }
    const cluster = new FakeCluster();

    await expect(start({ providers: [{ provide: 'MADE', useFactory: () => new Prices() }] }, cluster)).rejects.toEqual(
      coded('CLUSTER_ENHANCER_MISSING', 'Prices.on', 'useClass'),
    );
    expect(cluster.calls).toEqual([]);
  });

  it('with a parameter pipe that Nest does not make', async () => {
    class TrimPipe {
      transform(value: unknown): unknown {
        return value;
      }
    }
    class Prices {
      @OnClusterEvent('price.changed')
      on(@ClusterPayload(TrimPipe) _price: string): void {}
    }

    await expect(start({ providers: [{ provide: 'VALUE', useValue: new Prices() }] })).rejects.toEqual(
      coded('CLUSTER_ENHANCER_MISSING', 'Prices.on names TrimPipe', 'new TrimPipe'),
    );
  });
});

const cookie = '6f1d1a1e0b7c4e2f9a3d';

/** Makes an application, and gives it up again if that works. */
async function create(module: () => DynamicModule): Promise<Cluster> {
  const app = await Test.createTestingModule({ imports: [module()] })
    .setLogger(silent)
    .compile();
  const cluster = app.get(Cluster);
  await app.close();
  return cluster;
}

const refusal = (...problems: string[]) =>
  expect.objectContaining({
    code: 'CLUSTER_INVALID_OPTIONS',
    problems: problems.map((problem) => expect.stringContaining(problem)),
  });

describe('options that cannot work are refused when the application is created', () => {
  const none = undefined as unknown as ClusterOptions;

  it('a cookie that is undefined, where one is needed', async () => {
    const options = { cookie: undefined, name: '', discovery: dns({ hostname: 'app', port: 4370 }) };
    await expect(create(() => ClusterModule.forRoot(options as unknown as ClusterOptions))).rejects.toEqual(
      refusal('name: must be', 'cookie: is required with any discovery other than local()'),
    );
  });

  it('behind getters, of objects and of classes, each read once', async () => {
    let reads = 0;
    class Config {
      get cookie(): string {
        reads++;
        return cookie;
      }
      get name(): string {
        return 'from a class';
      }
    }
    expect((await create(() => ClusterModule.forRoot(new Config()))).self.name).toBe('from a class');
    expect(reads).toBe(1);

    class Short extends Config {
      override get cookie(): string {
        return 'short';
      }
    }
    await expect(create(() => ClusterModule.forRoot(new Short()))).rejects.toEqual(refusal('cookie: has 5 characters'));
    const misspelt = {
      get nmae() {
        return 'x';
      },
    };
    await expect(create(() => ClusterModule.forRoot(misspelt as ClusterOptions))).rejects.toEqual(
      refusal("nmae: unknown option. Did you mean 'name'?"),
    );
  });

  it('a getter that throws: with its own error', async () => {
    const options = {
      get cookie(): string {
        throw new Error('CLUSTER_COOKIE is not set');
      },
    };
    await expect(create(() => ClusterModule.forRoot(options))).rejects.toThrow('CLUSTER_COOKIE is not set');
  });

  it('undefined stands for the default', async () => {
    const options = { cookie, name: undefined, listen: { port: undefined }, limits: { windowBytes: undefined } };
    await expect(create(() => ClusterModule.forRoot(options as unknown as ClusterOptions))).resolves.toBeInstanceOf(
      Cluster,
    );
  });

  it.each([null, 'name', [], () => ({})])('%p, which is no object', async (options) => {
    await expect(create(() => ClusterModule.forRoot(options as unknown as ClusterOptions))).rejects.toEqual(
      refusal('options: must be an object'),
    );
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['an array', []],
    ['a string', 'name'],
  ])('a factory that returns %s', async (what, options) => {
    const useFactory = (): ClusterOptions => options as unknown as ClusterOptions;
    const problem = refusal(`the factory returned ${what}`);
    await expect(create(() => ClusterModule.forRootAsync({ useFactory }))).rejects.toEqual(problem);
    await expect(
      create(() => ClusterModule.forRootAsync({ useFactory: () => Promise.resolve(useFactory()) })),
    ).rejects.toEqual(problem);
    class Config {
      createClusterOptions = useFactory;
    }
    await expect(create(() => ClusterModule.forRootAsync({ useClass: Config }))).rejects.toEqual(problem);
  });

  it('a factory that fails: with its own error', async () => {
    const failure = new Error('the vault is sealed');
    for (const useFactory of [
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ]) {
      await expect(create(() => ClusterModule.forRootAsync({ useFactory }))).rejects.toBe(failure);
    }
  });

  it('what a factory misspelt, at any depth, all at once', async () => {
    const options = { nmae: 'x', cookie, listen: { prot: 1 }, advertise: { hots: 'a' }, limits: { windowByte: 1 } };
    await expect(
      create(() => ClusterModule.forRootAsync({ useFactory: () => options as unknown as ClusterOptions })),
    ).rejects.toEqual(
      refusal(
        "nmae: unknown option. Did you mean 'name'?",
        "listen.prot: unknown option. Did you mean 'listen.port'?",
        "advertise.hots: unknown option. Did you mean 'advertise.host'?",
        'advertise.host: must be',
        "limits.windowByte: unknown option. Did you mean 'limits.windowBytes'?",
      ),
    );
  });

  it.each<[string, unknown, string[]]>([
    ['nothing', undefined, ['one of useFactory, useClass, useExisting is needed, and none was given']],
    ['an empty object', {}, ['one of useFactory, useClass, useExisting is needed, and none was given']],
    [
      'a misspelt factory',
      { usFactory: () => ({}) },
      ["usFactory: unknown option. Did you mean 'useFactory'?", 'one of'],
    ],
    ['the options of the node', { cookie }, ['cookie: unknown here. What describes the node belongs into', 'one of']],
    ['two sources', { useFactory: () => none, useClass: class {} }, ['useFactory and useClass were']],
    ['a factory that is none', { useFactory: {} }, ['useFactory: must be a function that returns the options']],
    ['a class that is none', { useClass: {} }, ['useClass: must be a class']],
    ['a class without the method', { useClass: class Config {} }, ['Config has no method createClusterOptions()']],
  ])('forRootAsync with %s', async (_name, options, problems) => {
    await expect(create(() => ClusterModule.forRootAsync(options as never))).rejects.toEqual(refusal(...problems));
  });
});

describe('an application that cannot start', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL'); // if anything keeps it
  });

  async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
    const child = forkTypescript('test/cluster/misconfigured.ts', args);
    children.push(child);
    const parts: Buffer[] = [];
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (part: Buffer) => parts.push(part));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, output: Buffer.concat(parts).toString() };
  }

  it('leaves nothing behind that would keep the process', async () => {
    expect(await run()).toEqual({
      code: 0,
      output: [
        'misspelt: CLUSTER_INVALID_OPTIONS',
        'misspelt by a factory: CLUSTER_INVALID_OPTIONS',
        'rejected: the vault is sealed',
        'nothing: CLUSTER_INVALID_OPTIONS',
        'occupied: CLUSTER_LISTEN_FAILED',
        '',
      ].join('\n'),
    });
  }, 60_000);

  it('ends the process where Nest is left to do as it does', async () => {
    const { code, output } = await run('abort');
    expect(code).toBe(1);
    expect(output).toMatch(/has 2 problems:.*listen\.prot: .*limits\.windowByte: /s);
  }, 60_000);
});
