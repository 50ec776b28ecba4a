/** How docs/microservices.md begins: the transports of Nest, each with the server that the clients must be told of. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClientsModule, type MicroserviceOptions, Transport } from '@nestjs/microservices';
import { OrdersModule } from './orders.js';
import { Shop } from './shop.js';

export const overTcp = {
  orders: (port: number) =>
    NestFactory.createMicroservice<MicroserviceOptions>(OrdersModule, {
      transport: Transport.TCP,
      options: { host: '127.0.0.1', port },
    }),

  shop(port: number) {
    const clients = ClientsModule.register([
      { name: 'ORDERS', transport: Transport.TCP, options: { host: '127.0.0.1', port } },
    ]);
    @Module({ imports: [clients], providers: [Shop] })
    class ShopModule {}
    return NestFactory.createApplicationContext(ShopModule);
  },
};

export const overRedis = {
  orders: (port: number) =>
    NestFactory.createMicroservice<MicroserviceOptions>(OrdersModule, {
      transport: Transport.REDIS,
      options: { host: '127.0.0.1', port },
    }),

  shop(port: number) {
    const clients = ClientsModule.register([
      { name: 'ORDERS', transport: Transport.REDIS, options: { host: '127.0.0.1', port } },
    ]);
    @Module({ imports: [clients], providers: [Shop] })
    class ShopModule {}
    return NestFactory.createApplicationContext(ShopModule);
  },
};

export const overNats = {
  orders: (port: number) =>
    NestFactory.createMicroservice<MicroserviceOptions>(OrdersModule, {
      transport: Transport.NATS,
      options: { servers: [`nats://127.0.0.1:${port}`], queue: 'orders' },
    }),

  shop(port: number) {
    const clients = ClientsModule.register([
      { name: 'ORDERS', transport: Transport.NATS, options: { servers: [`nats://127.0.0.1:${port}`] } },
    ]);
    @Module({ imports: [clients], providers: [Shop] })
    class ShopModule {}
    return NestFactory.createApplicationContext(ShopModule);
  },
};
