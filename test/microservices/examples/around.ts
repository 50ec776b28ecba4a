/** What docs/microservices.md shows of tracing, and of tests of an application. */
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { ClusterClient, ClusterModule, type ClusterOptions, ClusterServer } from 'rookery';
import { traceCalls } from 'rookery/opentelemetry';
import { OrdersModule } from './orders.js';

export function trace(app: INestApplicationContext): void {
  traceCalls({ client: app.get(ClusterClient), server: app.get(ClusterServer) });
  traceCalls({ client: app.get<ClusterClient>('ORDERS') }); // each client of ClientsModule has hooks of its own
}

export async function startForTest(options: ClusterOptions = { cluster: `test-${process.pid}` }) {
  const module = await Test.createTestingModule({ imports: [ClusterModule.forRoot(options), OrdersModule] }).compile();
  const app = module.createNestMicroservice({ strategy: module.get(ClusterServer) });
  await app.listen();
  return { app, client: app.get(ClusterClient) }; // the application asks itself; close it afterwards
}
