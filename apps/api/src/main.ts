/** Starts the api: the owner of the flags. Serves people over HTTP, and other members by calls over the mesh. */
import { NestFactory } from '@nestjs/core';
import type { MicroserviceOptions } from '@nestjs/microservices';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { ClusterServer } from 'rookery';
import { AppModule } from './app.module.js';
import { readConfig } from './config.js';

const config = readConfig();
const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(config));
app.disable('x-powered-by');
app.enableShutdownHooks(); // SIGTERM: finish what is being answered, say goodbye to the cluster, end
app.connectMicroservice<MicroserviceOptions>({ strategy: app.get(ClusterServer) });
await app.startAllMicroservices(); // before the node starts, so that its first word tells what it serves
await app.listen(config.http.port, config.http.host).catch(async (error: unknown) => {
  await app.close(); // the cluster has been joined by now: without a goodbye the others would be told that data is missing
  throw error;
});
process.stdout.write(`listening on ${await app.getUrl()}\n`);
