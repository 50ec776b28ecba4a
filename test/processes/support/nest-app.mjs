/**
 * A Nest application with the installed package, in a process of its own, driven over IPC as the bare nodes are: one route
 * that answers at once, one that waits, one that never ends, and a handler.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { Controller, Get, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';

const installed = createRequire(`${process.argv[2]}/`);
const { Cluster, ClusterLifecycle, ClusterModule, staticPeers } = await import(installed.resolve('rookery'));
const { createMesh } = await import(installed.resolve('rookery/mesh'));

const wallMs = () => performance.timeOrigin + performance.now();
const send = (event) => process.send?.({ ...event, at: wallMs() });
const silent = { debug() {}, info() {}, warn() {}, error: (message) => send({ event: 'error', message }) };

let app;
let lifecycle;
let finish = () => undefined;

function moduleFor({ options, discovery }) {
  class Pages {
    constructor(cluster) {
      this.cluster = cluster;
    }
    members() {
      return { phase: lifecycle.phase, members: this.cluster.members('up').map(({ name }) => name) };
    }
    /** Answers when the suite says so, and publishes last. */
    async slow() {
      send({ event: 'slow.asked' });
      await new Promise((resolve) => (finish = resolve));
      this.cluster.publish('count', { stream: 'http', n: 1, by: this.cluster.self.incarnation });
      return { answered: true };
    }
  }
  Controller()(Pages);
  Reflect.defineMetadata('design:paramtypes', [Cluster], Pages);
  for (const route of ['members', 'slow']) {
    Get(route)(Pages.prototype, route, Object.getOwnPropertyDescriptor(Pages.prototype, route));
  }

  /** Tells of the steps of Nest's life cycle, and publishes in the last one. */
  class Steps {
    constructor(cluster) {
      this.cluster = cluster;
    }
    onApplicationBootstrap() {
      send({ event: 'bootstrapped' });
    }
    beforeApplicationShutdown() {
      send({ event: 'shutting.down' });
    }
    onApplicationShutdown() {
      send({ event: 'http.closed' });
      this.cluster.publish('count', { stream: 'hook', n: 1, by: this.cluster.self.incarnation });
    }
  }
  Reflect.defineMetadata('design:paramtypes', [Cluster], Steps);

  class AppModule {}
  Module({
    imports: [
      ClusterModule.forRoot({ ...options, discovery: discovery.map(([, list]) => staticPeers(list)), logger: silent }),
    ],
    controllers: [Pages],
    providers: [Steps],
  })(AppModule);
  return AppModule;
}

async function create(settings) {
  const created = await NestFactory.create(moduleFor(settings), { logger: false, abortOnError: false });
  // An open page, whose end nobody brings about.
  created.use('/endless', (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: open\n\n');
  });
  lifecycle = created.get(ClusterLifecycle);
  return created;
}

/** What keeps or could keep a process, as counts. A pipe is one end of the IPC channel or of the output. */
const resources = () => {
  const counts = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
};

/** The same once what is closing has closed: the kernel and the next turns have to be waited for. */
async function settledResources(expected) {
  for (let i = 0; i < 200; i++) {
    const counts = resources();
    if (expected === undefined ? i > 20 : JSON.stringify(counts) === JSON.stringify(expected)) return counts;
    await delay(10);
  }
  return resources();
}

const listenerCounts = () =>
  Object.fromEntries(process.eventNames().map((name) => [String(name), process.listenerCount(name)]));

async function heapUsed() {
  // What is only weakly held goes in the second collection.
  for (let i = 0; i < 3; i++) {
    globalThis.gc();
    await delay(50);
  }
  return process.memoryUsage().heapUsed;
}

const commands = {
  async start(settings) {
    app = await create(settings);
    app.enableShutdownHooks();
    const beganAt = wallMs();
    await app.listen(settings.httpPort ?? 0, '127.0.0.1');
    const { address, incarnation } = app.get(Cluster).self;
    return { address, incarnation, listeningAt: beganAt, readyAt: wallMs(), url: await app.getUrl() };
  },
  url: () => app.getUrl(),
  finish: () => finish(),

  /** Opens and closes applications, or bare nodes, one after another; answers with what was there before and is there after. */
  async openAndClose({ times, settings, isBare }) {
    const once = async () => {
      if (!isBare) {
        const opened = await create(settings);
        await opened.listen(0, '127.0.0.1');
        const { status } = await fetch(`${await opened.getUrl()}/members`, { headers: { connection: 'close' } });
        if (status !== 200) throw new Error(`answered ${status}`);
        const peers = opened.get(Cluster).members('up').length;
        if (peers !== 1) throw new Error(`${peers} members`);
        await opened.close();
        return;
      }
      const { options, discovery } = settings;
      const mesh = createMesh({
        ...options,
        discovery: discovery.map(([, list]) => staticPeers(list)),
        logger: silent,
      });
      await mesh.ready();
      if (mesh.members('up').length !== 1) throw new Error('no member');
      await mesh.leave();
    };
    // The first ones make what stays for good, such as the pool of threads.
    await once();
    await once();
    const before = { resources: await settledResources(), listeners: listenerCounts(), heap: await heapUsed() };
    for (let i = 0; i < times; i++) await once();
    const resources = await settledResources(before.resources);
    return { before, after: { resources, listeners: listenerCounts(), heap: await heapUsed() } };
  },
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
