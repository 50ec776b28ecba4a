#!/usr/bin/env node
/** The command `rookery`: reads its arguments, files and environment, and leaves the rest to what it calls. */
import { readFile } from 'node:fs/promises';
import type { MeshOptions } from '@rookery/mesh';
import { describeError, printable, silentLogger } from '@rookery/runtime';
import { diagnose } from '../doctor/diagnose.js';
import { report } from '../doctor/report.js';
import { DOCTOR_USAGE, type DoctorArguments, readDoctorArguments, UsageError } from './doctor-arguments.js';
import { moduleOptions } from './module-options.js';

const DEFAULT_COOKIE_VARIABLE = 'CLUSTER_COOKIE';

// What it waits for does not keep a process alive by itself.
// eslint-disable-next-line rookery/time-and-chance -- as said
const alive = setInterval(() => undefined, 60_000);
// What the module of an application begins is not caught here, and says nothing about the cluster.
process.on('uncaughtException', (error) => void fail(error).then(end));
await run(process.argv.slice(2)).then(end);

/** Whatever that module holds open, such as a connection to a database, shall not keep this process. */
function end(code: number): void {
  clearInterval(alive);
  process.exit(code);
}

async function run([command, ...args]: readonly string[]): Promise<number> {
  if (command !== 'doctor') {
    const isAsked = command === undefined || command === 'help' || command === '--help' || command === '-h';
    await write(
      isAsked ? 'stdout' : 'stderr',
      isAsked ? DOCTOR_USAGE : `'${printable(command)}' is no command.\n\n${DOCTOR_USAGE}`,
    );
    return isAsked ? 0 : 2;
  }
  try {
    const given = readDoctorArguments(args);
    if (given.isHelp) {
      await write('stdout', DOCTOR_USAGE);
      return 0;
    }
    const diagnosis = await diagnose(await optionsOf(given));
    await write('stdout', given.isJson ? `${JSON.stringify(diagnosis, undefined, 2)}\n` : report(diagnosis));
    return diagnosis.findings.some(({ level }) => level === 'problem') ? 1 : 0;
  } catch (error) {
    return fail(error);
  }
}

async function fail(error: unknown): Promise<number> {
  if (error instanceof UsageError) {
    await write('stderr', `${error.problems.join('\n')}\n\nnpx rookery doctor --help says what there is.\n`);
  } else await write('stderr', `${describeError(error)}\n`);
  return 2;
}

/** Resolves when it is written: a process that ends at once would lose what a pipe has not taken yet. */
function write(to: 'stdout' | 'stderr', text: string): Promise<void> {
  const escaped = text.split('\n').map((line) => printable(line, line.length));
  return new Promise((resolve) => {
    // Nobody reads any more, as where the reader was `head`: there is nobody to be told.
    process[to].once('error', () => resolve());
    process[to].write(escaped.join('\n'), () => resolve());
  });
}

async function optionsOf(given: DoctorArguments): Promise<MeshOptions> {
  const { module, cluster, listenPort, discovery } = given;
  if (module !== undefined) return moduleOptions(module.file, module.name);
  const isLocal = discovery.length === 0;
  const cookie = await cookieOf(given);
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(isLocal ? {} : { discovery, listen: { port: listenPort ?? 4_370 } }),
    logger: silentLogger,
  };
}

async function cookieOf({ cookieVariable, cookieFile }: DoctorArguments): Promise<string | undefined> {
  // Neither is repeated in a message: whoever mistakes these flags gives the cookie itself.
  if (cookieFile !== undefined) {
    try {
      return (await readFile(cookieFile, 'utf8')).trim();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw new Error(`The file that --cookie-file names cannot be read (${code ?? 'for an unknown reason'}).`, {
        cause: error,
      });
    }
  }
  const name = cookieVariable ?? DEFAULT_COOKIE_VARIABLE;
  // eslint-disable-next-line rookery/environment -- a command line shows in the list of processes, so no secret is taken from it
  const value = process.env[name];
  if (cookieVariable !== undefined && !value)
    throw new Error('The environment variable that --cookie-env names is not set.');
  return value === '' ? undefined : value;
}
