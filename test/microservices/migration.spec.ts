/** The examples of docs/microservices.md, run as they stand there. Those over Redis and NATS: `npm run test:brokers`. */
import { readdirSync, readFileSync } from 'node:fs';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Cluster, ClusterClient, ClusterModule, type ClusterOptions, staticPeers } from 'rookery';
import { lastValueFrom, toArray } from 'rxjs';
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
});

/** What is left when the width of a page is: a paper and a source break their lines elsewhere. */
function essence(code: string): string {
  return code.replace(/[\s,;]+/g, '');
}
