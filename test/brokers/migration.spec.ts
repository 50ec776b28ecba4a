/** The examples of docs/microservices.md over Redis and NATS: what a team comes from, with a server as they have it. */
import { type INestApplicationContext, Logger } from '@nestjs/common';
import { afterEach, beforeAll, it } from '@jest/globals';
import { freePort } from '../integration/support.js';
import { overNats, overRedis } from '../microservices/examples/before.js';
import { expectAShop } from '../microservices/examples/expect-a-shop.js';
import { type Broker, describeWith, startBroker } from './broker.js';

beforeAll(() => Logger.overrideLogger(false));

const running: (Broker | INestApplicationContext)[] = [];
afterEach(async () => {
  // The applications before the servers that they hold on to.
  for (const each of running.splice(0).reverse()) await ('stop' in each ? each.stop() : each.close());
});

for (const [program, what, example] of [
  ['redis-server', 'Redis', overRedis],
  ['nats-server', 'NATS', overNats],
] as const) {
  describeWith(program, `the shop of docs/microservices.md over ${what}`, () => {
    it('is answered, and tells', async () => {
      const broker = await startBroker(program, await freePort());
      running.push(broker);
      const orders = await example.orders(broker.port);
      running.push(orders);
      await orders.listen();
      const shop = await example.shop(broker.port);
      running.push(shop);
      await expectAShop(shop);
    }, 30_000);
  });
}
