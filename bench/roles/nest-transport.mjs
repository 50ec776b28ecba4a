/** A transport that Nest has itself, TCP or NATS: a server that counts events and answers requests, and its client. */
import 'reflect-metadata';
import { ClientProxyFactory, EventPattern, MessagePattern, Transport } from '@nestjs/microservices';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { firstValueFrom } from 'rxjs';
import { callCommands } from '../calling.mjs';
import { payloadOf } from '../support.mjs';

const { transport, port, isServer } = JSON.parse(process.argv[2]);
let received = 0;
let expected = Infinity;
let firstAt = 0;
let ticks = 0;

class BenchController {
  onBurst(_payload) {
    if (received++ === 0) firstAt = performance.now();
    if (received === expected) process.send({ type: 'received', ms: performance.now() - firstAt, received, gaps: 0 });
  }

  onTick(_payload) {
    ticks++;
  }

  onPing(payload) {
    return payload;
  }
}
// Decorators by hand: this file runs as it stands, without a compiler.
const methodOf = (name) => [
  BenchController.prototype,
  name,
  Object.getOwnPropertyDescriptor(BenchController.prototype, name),
];
Controller()(BenchController);
EventPattern('burst')(...methodOf('onBurst'));
EventPattern('tick')(...methodOf('onTick'));
MessagePattern('ping')(...methodOf('onPing'));
class BenchModule {}
Module({ controllers: [BenchController] })(BenchModule);

const options = {
  transport: Transport[transport],
  options: transport === 'NATS' ? { servers: `nats://127.0.0.1:${port}` } : { host: '127.0.0.1', port: port ?? 0 },
};
let client;
let listensAt = port;
if (isServer) {
  const app = await NestFactory.createMicroservice(BenchModule, { ...options, logger: ['error'] });
  await app.listen();
  if (transport === 'TCP') listensAt = app.unwrap().address().port;
} else {
  client = ClientProxyFactory.create(options);
  await client.connect();
}

const commands = {
  ...callCommands({
    call: (value) => firstValueFrom(client.send('ping', value)),
    emit: (value) => client.emit('tick', value),
    ticks: () => ticks,
  }),
  expect({ count }) {
    received = 0;
    expected = count;
    process.send({ type: 'expect' });
  },
  again: (message) => {
    commands.expect(message);
    process.send({ type: 'again' });
  },
  async burst({ count, payload }) {
    const value = payloadOf(payload);
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      const sent = firstValueFrom(client.emit('burst', value), { defaultValue: undefined });
      if (i % 1000 === 999) await sent;
    }
    process.send({ type: 'burst', ms: performance.now() - started });
  },
  async roundTrips({ count, payload }) {
    const value = payloadOf(payload);
    const times = [];
    for (let i = 0; i < count; i++) {
      const started = performance.now();
      await firstValueFrom(client.send('ping', value));
      times.push(performance.now() - started);
    }
    process.send({ type: 'roundTrips', times });
  },
};
process.on('message', (message) => void commands[message.type](message));
process.on('disconnect', () => process.exit(0));
process.send({ type: 'ready', port: listensAt });
