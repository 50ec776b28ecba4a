/** The client of docs/microservices.md: nothing in it knows a transport. */
import { Inject, Injectable } from '@nestjs/common';
import { ClientProxy } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import type { Order } from './orders.js';

@Injectable()
export class Shop {
  constructor(@Inject('ORDERS') private readonly orders: ClientProxy) {}

  total(order: Order): Promise<number> {
    return firstValueFrom(this.orders.send<number>({ cmd: 'order.total' }, order));
  }

  async place(order: Order): Promise<void> {
    await firstValueFrom(this.orders.emit('order.placed', order), { defaultValue: undefined });
  }
}
