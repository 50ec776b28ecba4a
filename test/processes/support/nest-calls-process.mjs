/** A Nest microservice with the installed package, in a process of its own: answers by a decorated handler, or asks by the injected client. */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { MessagePattern } from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import { callLoop, wallMs } from './call-loop.mjs';

const installed = createRequire(`${process.argv[2]}/`);
const { Cluster, ClusterClient, ClusterModule, ClusterServer, staticPeers } = await import(
  installed.resolve('rookery')
);

const send = (event) => process.send?.({ ...event, at: wallMs() });

let app;
let client;
let begun = 0;

function moduleFor({ options, discovery }) {
  class Work {
    async work({ n, ms }) {
      begun++;
      await delay(ms);
      return { n, by: options.name };
    }
  }
  Controller()(Work);
  MessagePattern('work')(Work.prototype, 'work', Object.getOwnPropertyDescriptor(Work.prototype, 'work'));
  class AppModule {}
  Module({
    imports: [ClusterModule.forRoot({ ...options, discovery: discovery.map(([, list]) => staticPeers(list)) })],
    controllers: options.name.startsWith('server') ? [Work] : [],
  })(AppModule);
  return AppModule;
}

async function outcome(asked) {
  try {
    return { value: await firstValueFrom(asked) };
  } catch (error) {
    return { code: error.code ?? JSON.stringify(error), message: error.message };
  }
}

const commands = {
  async start(settings) {
    app = await NestFactory.createMicroservice(moduleFor(settings), {
      inject: [ClusterServer],
      useFactory: (strategy) => ({ strategy }),
      logger: false,
      abortOnError: false,
    });
    app.enableShutdownHooks();
    await app.listen();
    client = app.get(ClusterClient);
    const { self } = app.get(Cluster);
    app.get(Cluster).on('member.up', ({ member }) => send({ event: 'member.up', name: member.name }));
    return { address: self.address, incarnation: self.incarnation, listeningAt: wallMs(), readyAt: wallMs() };
  },
  members: () =>
    app
      .get(Cluster)
      .members('up')
      .map(({ name, status, incarnation }) => ({ name, status, incarnation })),
  madeCalls: () => ({ begun }),
  calls: ({ count, ms, to }) =>
    Promise.all(Array.from({ length: count }, (_, n) => outcome(client.to(to).send('work', { n, ms })))),
  ...callLoop(({ n, ms }) => firstValueFrom(client.send('work', { n, ms }))),
};

process.on('message', ({ id, command, argument }) => {
  Promise.resolve()
    .then(() => commands[command](argument))
    .then(
      (result) => send({ id, result }),
      (error) => send({ id, error: `${error.code ?? ''} ${error.stack}` }),
    );
});
process.on('disconnect', () => process.exit(0));
send({ event: 'spawned' });
