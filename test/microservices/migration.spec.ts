/** The examples of docs/microservices.md, run as they stand there. Those over Redis and NATS: `npm run test:brokers`. */
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { Controller, Get, Module, Param } from '@nestjs/common';
import { APP_FILTER, NestFactory } from '@nestjs/core';
import { ClientsModule, Ctx, MessagePattern, Payload, RpcException } from '@nestjs/microservices';
import { propagation } from '@opentelemetry/api';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, ClusterClient, ClusterContext, ClusterModule, type ClusterOptions, staticPeers } from 'rookery';
import { lastValueFrom, type Observable, toArray } from 'rxjs';
import { freePort, until } from '../integration/support.js';
import { onBoth, onTheMesh } from './examples/after.js';
import { overTcp } from './examples/before.js';
import {
  charge,
  HistoryController,
  QuoteEvents,
  quoteFor,
  quoteOrReason,
  QuotesController,
  quotesOfAll,
} from './examples/more.js';
import { startForTest, trace } from './examples/around.js';
import { CallFilter, HistoryPage } from './examples/http.js';
import { expectAShop } from './examples/expect-a-shop.js';
import { addressOf, closeAll, keep, startMember } from './members.js';

afterEach(() => closeAll());

function member(name: string, seeds: ClusterOptions['discovery'] = staticPeers([])): ClusterOptions {
  return { name, cookie: 'microservices-in-one-process', listen: { host: '127.0.0.1', port: 0 }, discovery: seeds };
}

const nextTo = (app: { get(token: typeof Cluster): Cluster }) => staticPeers([addressOf(app)]);

describe('docs/microservices.md', () => {
  it('shows what stands in the examples, and nothing else', () => {
    const folder = 'test/microservices/examples';
    const sources = readdirSync(folder).map((file) => readFileSync(`${folder}/${file}`, 'utf8'));
    const blocks = [...readFileSync('docs/microservices.md', 'utf8').matchAll(/^```ts\n([^]*?)^```$/gm)];
    expect(blocks.length).toBeGreaterThan(8);
    for (const [, block] of blocks) {
      expect(sources.some((source) => essence(source).includes(essence(block!)))).toBe(true);
    }
  });

  it('begins with an application over TCP', async () => {
    const port = await freePort();
    const orders = keep(await overTcp.orders(port));
    await orders.listen();
    await expectAShop(keep(await overTcp.shop(port)));
  });

  it('moves it to the mesh', async () => {
    const orders = keep(await onTheMesh.orders(member('orders-1')));
    await orders.listen();
    await expectAShop(keep(await onTheMesh.shop(member('shop-1', nextTo(orders)))));
  });

  it('serves both for as long as that takes', async () => {
    const port = await freePort();
    const orders = keep(await onBoth(member('orders-1'), port));
    await orders.init();
    await expectAShop(keep(await overTcp.shop(port)));
    await expectAShop(keep(await onTheMesh.shop(member('shop-1', nextTo(orders)))));
  });

  it('goes beyond it', async () => {
    const controllers = [QuotesController, HistoryController, QuoteEvents];
    const first = await startMember('quotes-1', { controllers });
    const second = await startMember('quotes-2', { controllers }, [addressOf(first)]);
    @Module({ imports: [ClusterModule.forRoot(member('shop-1', nextTo(first)))] })
    class ShopModule {}
    const shop = keep(await NestFactory.createApplicationContext(ShopModule, { logger: false }));
    const [client, cluster] = [shop.get(ClusterClient), shop.get(Cluster)];
    await until(() => cluster.members('up').length === 2, 'both');

    expect(await quoteFor(client, 'c-7')).toBe('42 for c-7, as shop-1 asked');
    expect((await quotesOfAll(client)).sort()).toEqual(
      ['quotes-1', 'quotes-2'].map((name) => `${name}: 42 for anybody, as shop-1 asked`),
    );
    expect(await quoteOrReason(client)).toBe('no answer (TIMEOUT)');
    const days = client.send<string>('quote.history', { days: 3 });
    expect(await lastValueFrom(days.pipe(toArray()))).toEqual(['day 1', 'day 2', 'day 3']);

    await charge(client, 'o-1');
    const heard = (): string[] => [first, second].flatMap((app) => app.get(QuoteEvents).heard).sort();
    expect(heard()).toEqual(['charge o-1']);
    cluster.publish('quote.changed', 'tea');
    await until(() => heard().length === 5, 'the event on both');
    const each = ['event tea of shop-1', 'pattern tea'];
    expect(heard()).toEqual(['charge o-1', ...each, ...each].sort());
  });

  it('stands behind HTTP: with errors that visitors understand, and streams at their pace', async () => {
    let made = 0;
    let isStopped = false;
    @Controller()
    class AnswersController {
      @MessagePattern('empty')
      empty(): never {
        throw new RpcException({ code: 'EMPTY', message: 'There is nothing in it.' });
      }

      @MessagePattern('broken')
      broken(): never {
        throw new Error('for the log alone');
      }

      @MessagePattern('quote.history')
      async *history(@Payload() { days }: { days: number }, @Ctx() context: ClusterContext): AsyncGenerator<string> {
        try {
          for (made = 0; made < Math.abs(days); made++) yield await Promise.resolve('a day '.repeat(200));
          // Of a past that is not known it has nothing to say, and does not end.
          if (days < 0) await once(context.getSignal(), 'abort');
        } finally {
          isStopped = true;
        }
      }
    }
    @Controller('ask')
    class AskController {
      constructor(private readonly client: ClusterClient) {}

      @Get(':pattern')
      ask(@Param('pattern') pattern: string): Observable<string> {
        return this.client.withDeadline(50).send<string>(pattern, {});
      }
    }
    const answering = await startMember('quotes-1', { controllers: [AnswersController, QuotesController] });
    const providers = [{ provide: APP_FILTER, useClass: CallFilter }];
    const page = await startMember('page-1', { controllers: [AskController, HistoryPage], providers }, [
      addressOf(answering),
    ]);
    await page.listen(0, '127.0.0.1');
    const url = await page.getUrl();
    const status = async (path: string) => (await fetch(`${url}/${path}`)).status;
    expect(await status('ask/quote')).toBe(200);
    expect(await status('ask/empty')).toBe(422);
    expect(await status('ask/quote.slow')).toBe(504);
    expect(await status('ask/nobody')).toBe(503);
    expect(await status('ask/broken')).toBe(500);
    expect(await (await fetch(`${url}/history/2`)).text()).toBe(`${'a day '.repeat(200)}\n`.repeat(2));

    const visit = async (days: number) => {
      isStopped = false;
      const visitor = get(`${url}/history/${days}`);
      const [response] = (await once(visitor, 'response')) as [IncomingMessage];
      await once(response, 'readable');
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(isStopped).toBe(false);
      visitor.destroy();
      await until(() => isStopped, 'the end of the handler');
    };
    await visit(1_000_000);
    expect(made).toBeLessThan(100_000); // its reader stood still
    await visit(-1);
    expect(made).toBe(1);
  });

  it('carries traces', async () => {
    propagation.setGlobalPropagator({
      inject: (_context, carrier) => Object.assign(carrier as object, { traceparent: '00-a' }),
      extract: (context) => context,
      fields: () => ['traceparent'],
    });
    @Controller()
    class TracedController {
      @MessagePattern('trace')
      trace(@Ctx() context: ClusterContext): unknown {
        return context.getMetadata();
      }
    }
    const imports = [ClientsModule.register([{ name: 'ORDERS', customClass: ClusterClient }])];
    const app = await startMember('traced-1', { imports, controllers: [TracedController] });
    trace(app);
    for (const client of [app.get(ClusterClient), app.get<ClusterClient>('ORDERS')]) {
      expect(await lastValueFrom(client.send('trace', {}))).toEqual({ traceparent: '00-a' });
    }
    propagation.disable();
  });

  it('is tested by an application that asks itself', async () => {
    const { app, client } = await startForTest(member('orders-test'));
    keep(app);
    expect(await lastValueFrom(client.send({ cmd: 'order.total' }, { id: '1', items: [{ sku: 'a', cents: 5 }] }))).toBe(
      5,
    );
  });
});

/** What is left when the width of a page is: a paper and a source break their lines elsewhere. */
function essence(code: string): string {
  return code.replace(/[\s,;]+/g, '');
}
