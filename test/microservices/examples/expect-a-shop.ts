/** What holds for the shop of docs/microservices.md over any transport. */
import type { INestApplicationContext } from '@nestjs/common';
import { expect } from '@jest/globals';
import { until } from '../../integration/support.js';
import { placed } from './orders.js';
import { Shop } from './shop.js';

export async function expectAShop(app: INestApplicationContext): Promise<void> {
  const shop = app.get(Shop);
  const order = {
    id: `o-${placed.length + 1}`,
    items: [
      { sku: 'tea', cents: 450 },
      { sku: 'cup', cents: 300 },
    ],
  };
  expect(await shop.total(order)).toBe(750);
  await expect(shop.total({ id: 'empty', items: [] })).rejects.toMatchObject({ code: 'EMPTY' });
  await shop.place(order);
  await until(() => placed.includes(order.id), 'the event');
  // Told once.
  expect(placed.filter((id) => id === order.id)).toHaveLength(1);
}
