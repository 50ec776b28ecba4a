/** The service of docs/microservices.md: nothing in it knows a transport. */
import { Controller, Module } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload, RpcException } from '@nestjs/microservices';

export interface Order {
  readonly id: string;
  readonly items: readonly { readonly sku: string; readonly cents: number }[];
}

/** What the service was told, in order. */
export const placed: string[] = [];

@Controller()
export class OrdersController {
  @MessagePattern({ cmd: 'order.total' })
  total(@Payload() { items }: Order): number {
    if (items.length === 0) throw new RpcException({ code: 'EMPTY', message: 'There is nothing in it.' });
    return items.reduce((sum, { cents }) => sum + cents, 0);
  }

  @EventPattern('order.placed')
  onPlaced(@Payload() { id }: Order): void {
    placed.push(id);
  }
}

@Module({ controllers: [OrdersController] })
export class OrdersModule {}
