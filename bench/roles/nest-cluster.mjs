/** A Nest microservice on the mesh: answers with a decorated handler, or calls with the injected client. */
import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { EventPattern, MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { callCommands } from '../calling.mjs';
import { COOKIE, importInstalled } from '../support.mjs';

const { Cluster, ClusterClient, ClusterModule, ClusterServer, staticPeers } = await importInstalled('rookery');

const { name, seeds, isAnswering } = JSON.parse(process.argv[2]);
let ticks = 0;

class BenchController {
  onTick(_payload) {
    ticks++;
  }

  onPing(payload) {
    return payload;
  }
}
// Decorators by hand: this file runs as it stands, without a compiler.
const methodOf = (method) => [
  BenchController.prototype,
  method,
  Object.getOwnPropertyDescriptor(BenchController.prototype, method),
];
Controller()(BenchController);
EventPattern('tick')(...methodOf('onTick'));
MessagePattern('ping')(...methodOf('onPing'));
class BenchModule {}
Module({
  imports: [
    ClusterModule.forRoot({
      name,
      cookie: COOKIE,
      listen: { host: '127.0.0.1', port: 0 },
      discovery: staticPeers(seeds),
    }),
  ],
  controllers: isAnswering ? [BenchController] : [],
})(BenchModule);

const app = await NestFactory.createMicroservice(BenchModule, {
  inject: [ClusterServer],
  useFactory: (strategy) => ({ strategy }),
  logger: ['error'],
});
await app.listen();
const client = app.get(ClusterClient);

const commands = {
  ...callCommands({
    call: (value) => firstValueFrom(client.send('ping', value)),
    emit: (value) => client.emit('tick', value),
    ticks: () => ticks,
  }),
  members: () => process.send({ type: 'members', count: app.get(Cluster).members('up').length }),
};
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
process.send({ type: 'ready', port: app.get(Cluster).self.address.port });
