/** Where docs/microservices.md leads: the same service and the same client on the mesh. */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type AsyncMicroserviceOptions,
  ClientsModule,
  type MicroserviceOptions,
  Transport,
} from '@nestjs/microservices';
import { ClusterClient, ClusterModule, type ClusterOptions, ClusterServer } from 'rookery';
import { OrdersModule } from './orders.js';
import { Shop } from './shop.js';

export const onTheMesh = {
  async orders(options: ClusterOptions) {
    @Module({ imports: [ClusterModule.forRoot(options), OrdersModule] })
    class AppModule {}
    const app = await NestFactory.createMicroservice<AsyncMicroserviceOptions>(AppModule, {
      inject: [ClusterServer],
      useFactory: (strategy: ClusterServer) => ({ strategy }),
    });
    app.enableShutdownHooks();
    return app;
  },

  shop(options: ClusterOptions) {
    const clients = ClientsModule.register([{ name: 'ORDERS', customClass: ClusterClient }]);
    @Module({ imports: [ClusterModule.forRoot(options), clients], providers: [Shop] })
    class ShopModule {}
    return NestFactory.createApplicationContext(ShopModule);
  },
};

/** For as long as some callers still come over TCP. */
export async function onBoth(options: ClusterOptions, port: number) {
  @Module({ imports: [ClusterModule.forRoot(options), OrdersModule] })
  class AppModule {}
  const app = await NestFactory.create(AppModule);
  app.enableShutdownHooks();
  app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(ClusterServer) });
  app.connectMicroservice<MicroserviceOptions>({ transport: Transport.TCP, options: { host: '127.0.0.1', port } });
  await app.startAllMicroservices();
  return app;
}
