/** A program that starts applications which cannot start, says how each of them failed, and has nothing left to do. */
import 'reflect-metadata';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type DynamicModule, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ClusterModule, type ClusterOptions, staticPeers } from 'rookery';

const isLeftToNest = process.argv[2] === 'abort';
const cookie = '6f1d1a1e0b7c4e2f9a3d';
const misspelt = { cookie, listen: { prot: 4370 }, limits: { windowByte: 1 } } as ClusterOptions;

const occupied = createServer().listen(0, '127.0.0.1');
await once(occupied, 'listening');
const { port } = occupied.address() as AddressInfo;

async function start(cluster: DynamicModule): Promise<void> {
  @Module({ imports: [cluster] })
  class AppModule {}
  const app = await NestFactory.create(
    AppModule,
    isLeftToNest ? { logger: ['error'] } : { logger: false, abortOnError: false },
  );
  await app.listen(0, '127.0.0.1');
}

if (isLeftToNest) await start(ClusterModule.forRoot(misspelt));

const attempts = {
  misspelt: () => ClusterModule.forRoot(misspelt),
  'misspelt by a factory': () => ClusterModule.forRootAsync({ useFactory: () => Promise.resolve(misspelt) }),
  rejected: () => ClusterModule.forRootAsync({ useFactory: () => Promise.reject(new Error('the vault is sealed')) }),
  nothing: () => ClusterModule.forRootAsync({ useFactory: () => undefined as unknown as ClusterOptions }),
  occupied: () => ClusterModule.forRoot({ cookie, listen: { host: '127.0.0.1', port }, discovery: staticPeers([]) }),
};
for (const [name, attempt] of Object.entries(attempts)) {
  await start(attempt()).then(
    () => console.log(`${name}: started`),
    (error: Error & { code?: string }) => console.log(`${name}: ${error.code ?? error.message}`),
  );
}
occupied.close();
