#!/usr/bin/env node
/** The command `rookery`: reads its arguments, files and environment, and leaves the rest to what it calls. */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { MeshOptions } from '@rookery/mesh';
import { describeError, silentLogger } from '@rookery/runtime';
import { diagnose } from '../doctor/diagnose.js';
import { report } from '../doctor/report.js';
import { DOCTOR_USAGE, type DoctorArguments, readDoctorArguments, UsageError } from './doctor-arguments.js';

const DEFAULT_COOKIE_VARIABLE = 'CLUSTER_COOKIE';

// What it waits for does not keep a process alive by itself.
// eslint-disable-next-line rookery/time-and-chance -- as said
const alive = setInterval(() => undefined, 60_000);
process.exitCode = await run(process.argv.slice(2));
clearInterval(alive);

async function run([command, ...args]: readonly string[]): Promise<number> {
  if (command !== 'doctor') {
    const isAsked = command === undefined || command === 'help' || command === '--help' || command === '-h';
    process[isAsked ? 'stdout' : 'stderr'].write(
      isAsked ? DOCTOR_USAGE : `'${command}' is no command.\n\n${DOCTOR_USAGE}`,
    );
    return isAsked ? 0 : 2;
  }
  try {
    const given = readDoctorArguments(args);
    if (given.isHelp) {
      process.stdout.write(DOCTOR_USAGE);
      return 0;
    }
    const diagnosis = await diagnose(await optionsOf(given));
    process.stdout.write(given.isJson ? `${JSON.stringify(diagnosis, undefined, 2)}\n` : report(diagnosis));
    return diagnosis.findings.some(({ level }) => level === 'problem') ? 1 : 0;
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${error.problems.join('\n')}\n\nnpx rookery doctor --help says what there is.\n`);
    } else process.stderr.write(`${describeError(error)}\n`);
    return 2;
  }
}

async function optionsOf(given: DoctorArguments): Promise<MeshOptions> {
  const { module, cluster, listenPort, discovery } = given;
  if (module !== undefined) return { ...(await exported(module.file, module.name)), logger: silentLogger };
  const isLocal = discovery.length === 0;
  const cookie = await cookieOf(given);
  return {
    ...(cluster === undefined ? {} : { cluster }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(isLocal ? {} : { discovery, listen: { port: listenPort ?? 4_370 } }),
    logger: silentLogger,
  };
}

/** What the module exports, called if it is a function, awaited if it is a promise. */
async function exported(file: string, name: string): Promise<MeshOptions> {
  const module = (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  // A CommonJS module stands behind `default` whole.
  const value = module[name] ?? (module['default'] as Record<string, unknown> | undefined)?.[name];
  if (value === undefined) {
    throw new Error(
      `${file} exports no ${name}; it exports ${Object.keys(module).join(', ') || 'nothing'}. See --export.`,
    );
  }
  const options = (await (typeof value === 'function' ? (value as () => unknown)() : value)) as Record<string, unknown>;
  if (typeof options === 'object' && options !== null && 'module' in options) {
    throw new Error(`${name} of ${file} is a module of Nest: export the options that it is made with.`);
  }
  // What a module of Nest can be told besides, and a node cannot.
  const { drainDelayMs: _drainDelayMs, isGlobal: _isGlobal, ...rest } = options;
  return rest;
}

async function cookieOf({ cookieVariable, cookieFile }: DoctorArguments): Promise<string | undefined> {
  if (cookieFile !== undefined) return (await readFile(cookieFile, 'utf8')).trim();
  const name = cookieVariable ?? DEFAULT_COOKIE_VARIABLE;
  // eslint-disable-next-line rookery/environment -- a command line shows in the list of processes, so no secret is taken from it
  const value = process.env[name];
  if (cookieVariable !== undefined && !value) throw new Error(`The environment variable ${name} is not set.`);
  return value === '' ? undefined : value;
}
