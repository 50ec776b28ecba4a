/** A Nest application with nothing in it, with or without the cluster module: what being clustered costs. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { COOKIE, importInstalled } from '../support.mjs';

const { name, seeds, isClustered } = JSON.parse(process.argv[2]);

class BenchModule {}
let imports = [];
let Cluster;
if (isClustered) {
  const rookery = await importInstalled('rookery');
  Cluster = rookery.Cluster;
  imports = [
    rookery.ClusterModule.forRoot({
      name,
      cookie: COOKIE,
      listen: { host: '127.0.0.1', port: 0 },
      discovery: rookery.staticPeers(seeds),
    }),
  ];
}
Module({ imports })(BenchModule);
// With HTTP, as most applications are: Nest then loads its microservices itself where they are installed, with the module or without.
const app = await NestFactory.create(BenchModule, { logger: ['error'] });
await app.init();
// Keeps the process alive without the module, too.
setInterval(() => undefined, 1 << 30);

const garbage = [];
const commands = {
  members: () =>
    process.send({ type: 'members', count: Cluster === undefined ? 0 : app.get(Cluster).members('up').length }),
  async memory() {
    // Whatever an application does touches all of V8's young generation sooner or later: both do it here, or the one
    // that happened to run a little more code would seem to need megabytes for it.
    for (let i = 0; i < 2_000_000; i++) garbage[i & 0xff] = { i };
    for (let i = 0; i < 3; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    process.send({ type: 'memory', rss: process.memoryUsage().rss });
  },
  cpu: () => process.send({ type: 'cpu', usage: process.cpuUsage() }),
};
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
process.send({ type: 'ready', port: Cluster && app.get(Cluster).self.address.port });
