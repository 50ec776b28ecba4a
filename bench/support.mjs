/** What all scenarios share: child processes that play a role, programs beside them, and the few statistics that are quoted. */
import { execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { pathToFileURL } from 'node:url';

export const COOKIE = 'bench-0c5f2b9a7de84163';

/** A module of the package under measurement, as the roles import it: `rookery/mesh`. */
export const importInstalled = (name) => import(pathToFileURL(resolveInstalled(name)).href);

/** A file inside the package: the codec by itself is no face of it. */
export const importInternal = (path) =>
  import(new URL(path, pathToFileURL(resolveInstalled('rookery/package.json'))).href);

const resolveInstalled = (name) => createRequire(`${process.env.ROOKERY_PROJECT}/`).resolve(name);

/** The payloads of every scenario. */
export const SMALL = { key: 'flag:checkout', version: 42, enabled: true, at: 1732000000000, tags: ['a', 'b'] };
export const TEXT_1K = 'x'.repeat(1024);
export const payloadOf = (kind) => (kind === 'small' ? SMALL : TEXT_1K);

/** No single answer takes nearly as long, even at full scale: whoever is silent for so long is broken, and is named. */
const PATIENCE_MS = 90_000;

/** A process that runs `bench/roles/<role>.mjs`; messages it sends are awaited by their `type`. */
export class Role {
  static running = new Set();

  constructor(role, settings = {}, { env = {}, execArgv = [] } = {}) {
    this.role = role;
    this.child = fork(new URL(`./roles/${role}.mjs`, import.meta.url), [JSON.stringify(settings)], {
      env: { ...process.env, ...env },
      execArgv,
    });
    this.messages = [];
    this.waiting = [];
    this.child.on('message', (message) => {
      const index = this.waiting.findIndex(({ type }) => type === message.type);
      if (index >= 0) this.waiting.splice(index, 1)[0].resolve(message);
      else this.messages.push(message);
    });
    this.child.on('exit', (code, signal) => {
      Role.running.delete(this);
      this.ended = new Error(`the process '${role}' ended with ${code ?? signal}`);
      for (const { reject } of this.waiting.splice(0)) reject(this.ended);
    });
    Role.running.add(this);
  }

  static async start(role, settings, options) {
    const process = new Role(role, settings, options);
    process.ready = await process.next('ready');
    return process;
  }

  get pid() {
    return this.child.pid;
  }

  next(type) {
    const index = this.messages.findIndex((message) => message.type === type);
    if (index >= 0) return Promise.resolve(this.messages.splice(index, 1)[0]);
    if (this.ended !== undefined) return Promise.reject(this.ended);
    const answer = new Promise((resolve, reject) => {
      const silent = setTimeout(() => {
        reject(new Error(`the process '${this.role}' did not send '${type}' within ${PATIENCE_MS / 1000} s`));
      }, PATIENCE_MS);
      const settled = (settle) => (result) => (clearTimeout(silent), settle(result));
      this.waiting.push({ type, resolve: settled(resolve), reject: settled(reject) });
    });
    // Awaited later than another one that fails first, it must not end the program with a reason that is none.
    answer.catch(() => undefined);
    return answer;
  }

  send(message) {
    this.child.send(message);
  }

  async ask(message, type = message.type) {
    this.send(message);
    return this.next(type);
  }

  stop() {
    return ended(this.child, 'SIGKILL');
  }
}

async function ended(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}

/** Where a program of the system is, or undefined. Those of services are not on everybody's path. */
export function programOf(name) {
  try {
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
    return execFileSync('which', [name], { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined; // `which` says so by its exit status.
  }
}

const programs = new Set();

/** Starts a program that the roles talk to; {@link stopAll} ends it. Returns its process. */
export function startProgram(path, args) {
  const child = spawn(path, args, { stdio: 'ignore' });
  programs.add(child);
  child.once('exit', () => programs.delete(child));
  return child;
}

/** Ends all roles, and then what they talked to. */
export async function stopAll() {
  await Promise.all([...Role.running].map((role) => role.stop()));
  await Promise.all([...programs].map((child) => ended(child, 'SIGTERM')));
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Runs `measure` once per contestant and round, in turn, so that a slow moment of the machine hits all of them. */
export async function interleave(contestants, rounds, measure) {
  const results = new Map(contestants.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const name of contestants) results.get(name).push(await measure(name, round));
  }
  return results;
}
