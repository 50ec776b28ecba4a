/**
 * Starts the playground: replicas of both sample applications as processes of this machine, and one page that shows
 * them. A plain program could do that, too; it is a Nest application because that is what its readers know, and because
 * its parts then lie where they look for them. It is no member of the cluster it shows.
 */
import { relative } from 'node:path';
import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { systemClock } from '@rookery/runtime';
import { ConfigError, type PlaygroundConfig, readConfig } from './config.js';
import { FlagChanges } from './flags/flag-changes.service.js';
import { makeFirstFlags } from './flags/first-flags.js';
import { Fleet } from './fleet/fleet.service.js';
import { isRunning } from './fleet/replica.js';
import { FIRST_REPLICAS } from './fleet/replica-plan.js';
import { whenOrphaned } from './parent-watch.js';
import { PlaygroundModule } from './playground.module.js';
import { noteRunning, removeNote, runningAt } from './running-note.js';
import { meaningOf } from './terminal/end-requests.js';
import * as text from './terminal/messages.js';
import { isPlayground } from './web/identity.js';
import { configureWeb } from './web/web.js';

/** Open pages are told that it is over, but nobody waits long for them. */
const CLOSE_MS = 1_000;
const LOG_LEVELS: LogLevel[] = ['error', 'warn'];

const say = (words: string): void => void process.stdout.write(words);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', () => {
    // The terminal was closed. There is nobody left to tell, and still everything to end.
  });
}

const config = configOrExit();
const elsewhere = await runningAt(config.dataFolder);
if (elsewhere !== undefined) refuse(text.alreadyRunningText(elsewhere));
const app = await NestFactory.create<NestExpressApplication>(PlaygroundModule.forRoot(config), {
  logger: LOG_LEVELS,
});
configureWeb(app);
const url = await listenOrExit(app, config);
const fleet = app.get(Fleet);
let isEnding = false;
obeySignals();

noteRunning(config.dataFolder, url);
fleet.prepare();
reportEnds();
say(text.startingText(FIRST_REPLICAS.length));
await Promise.all(FIRST_REPLICAS.map((name) => fleet.start(name)));
if (!isEnding) await makeFirstFlags(fleet, app.get(FlagChanges)).catch(tellNoFlags);
if (!isEnding) say(text.readyText({ replicas: fleet.replicas(), url, logFolder: shown(fleet.logFolder) }));
if (!isEnding && fleet.replicas().every(({ state }) => state !== 'up')) await end(1);

function configOrExit(): PlaygroundConfig {
  try {
    return readConfig();
  } catch (error) {
    if (error instanceof ConfigError) refuse(`\n${error.problems.map((problem) => `  ${problem}\n`).join('')}`);
    throw error;
  }
}

async function listenOrExit(app: NestExpressApplication, { port }: PlaygroundConfig): Promise<string> {
  app.useLogger(false); // A taken port is told of in words of our own; anything else is thrown.
  try {
    await app.listen(port, '127.0.0.1');
    app.useLogger(new ConsoleLogger({ logLevels: LOG_LEVELS }));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const taken = `http://127.0.0.1:${port}`;
    refuse((await isPlayground(taken)) ? text.alreadyRunningText(taken) : text.portTakenText(port));
  }
  return (await app.getUrl()).replace('[::1]', '127.0.0.1');
}

/** Nothing was started yet. */
function refuse(words: string): never {
  process.stderr.write(words);
  process.exit(1);
}

function reportEnds(): void {
  fleet.events.subscribe(({ replica, detail }) => {
    if (replica.state !== 'dead' || detail.length === 0) return;
    say(text.endedText(replica, detail, shown(fleet.logFile(replica.name))));
  });
}

function obeySignals(): void {
  if (config.isUnderNpm) {
    whenOrphaned(() => {
      if (!isEnding) void end();
    });
  }
  let firstAt: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const now = systemClock.now();
      const meaning = meaningOf(firstAt, now);
      firstAt ??= now;
      if (meaning === 'end' && !isEnding) void end();
      if (meaning === 'kill') {
        say(text.KILLED_TEXT);
        process.exit(130);
      }
    });
  }
  // Whatever ends this process, short of SIGKILL. After that the replicas end by themselves.
  process.on('exit', () => {
    fleet.killAll();
    removeNote(config.dataFolder);
  });
}

async function end(code = 0): Promise<void> {
  isEnding = true;
  say(text.endingText(fleet.replicas().filter(isRunning).length));
  await fleet.end();
  await Promise.race([app.close(), new Promise<void>((resolve) => void systemClock.after(CLOSE_MS, resolve))]);
  say(text.ENDED_TEXT);
  process.exit(code);
}

function tellNoFlags(error: unknown): void {
  if (!isEnding) say(`\n  The first flags could not be made: ${String(error)}\n`);
}

/** A path as short as it can be told. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
