/** Starts a replica of the landing pages. */
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { readConfig } from './config.js';
import { configureWeb } from './web.js';

const config = readConfig();
const app = await NestFactory.create<NestExpressApplication>(AppModule.forRoot(config));
configureWeb(app);
app.enableShutdownHooks(); // SIGTERM: end the open streams, finish what is being answered, say goodbye to the cluster, end
await app.listen(config.http.port, config.http.host).catch(async (error: unknown) => {
  await app.close(); // the cluster has been joined by now: without a goodbye the others would be told that data is missing
  throw error;
});
process.stdout.write(`listening on ${await app.getUrl()}\n`);
