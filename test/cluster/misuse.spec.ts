import { type CanActivate, Injectable, UseGuards, UsePipes } from '@nestjs/common';
import { describe, expect, it } from '@jest/globals';
import { ClusterBroadcast, ClusterPayload, type MemberStatus, OnClusterEvent, OnClusterGap, OnMember } from 'rookery';
import { Observable, of } from 'rxjs';
import { start } from './app.js';
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
