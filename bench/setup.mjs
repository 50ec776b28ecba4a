/** What scenarios set up before they measure: how much of it there is, servers, nodes, and who runs on which processor. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { cpus } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, programOf, Role, startProgram } from './support.mjs';

export const ROUNDS = Number(process.env.ROUNDS ?? 3);
export const SCALE = Number(process.env.SCALE ?? 1);
export const scaled = (count) => Math.max(100, Math.round(count * SCALE));

/** The port of a Redis of its own, or undefined where there is no Redis. */
export function startRedis() {
  return startServer('redis-server', (port) => [
    ...['--port', String(port), '--bind', '127.0.0.1'],
    ...['--save', '', '--appendonly', 'no'],
  ]);
}

/** The port of a NATS server of its own, or undefined where there is none. */
export function startNats() {
  return startServer('nats-server', (port) => ['--addr', '127.0.0.1', '--port', String(port)]);
}

async function startServer(name, argsOf) {
  const path = programOf(name);
  if (path === undefined) return undefined;
  // A port that was free a moment ago may have been taken since: the program ends then, and gets another one.
  for (let attempt = 0; attempt < 5; attempt++) {
    const port = await freePort();
    const program = startProgram(path, argsOf(port));
    while (program.exitCode === null) {
      if (await isListening(port)) return port;
      await delay(20);
    }
  }
  throw new Error(`${name} ended at once, again and again`);
}

async function isListening(port) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false; // Refused: not yet.
  } finally {
    socket.destroy();
  }
}

/** Nodes of one role that all know each other; `settingsOf` tells what is particular to one. */
export async function clusterOf(count, role = 'rookery', settingsOf = () => ({}), options = {}) {
  const start = (i, seeds) => Role.start(role, { ...settingsOf(i), name: `node-${i}`, seeds }, options);
  const nodes = [await start(0, [])];
  const seeds = [{ host: '127.0.0.1', port: nodes[0].ready.port }];
  nodes.push(...(await Promise.all(Array.from({ length: count - 1 }, (_, i) => start(i + 1, seeds)))));
  for (const node of nodes) while ((await node.ask({ type: 'members' })).count < count - 1) await delay(20);
  return nodes;
}

/**
 * Sender and receiver of every pair on a processor each: where the kernel happens to put them changes a round trip more
 * than anything that is measured here.
 */
export function pin(pairs) {
  if (programOf('taskset') === undefined || cpus().length < 2) return;
  for (const { sender, receiver } of pairs.values()) {
    for (const [cpu, { pid }] of [sender, receiver].entries()) {
      execFileSync('taskset', ['-apc', String(cpu), String(pid)], { stdio: 'ignore' });
    }
  }
}

/** A bare socket between two processes: `isEncrypted`, `isGathered`. */
export async function socketPair(settings = {}) {
  const receiver = await Role.start('socket', settings);
  return { sender: await Role.start('socket', { ...settings, port: receiver.ready.port }), receiver };
}

/** A server and a client of one of Nest's transports: `TCP`, or `NATS` by way of the server at that port. */
export async function nestPair(transport, port) {
  const receiver = await Role.start('nest-transport', { transport, port, isServer: true });
  return { sender: await Role.start('nest-transport', { transport, port: receiver.ready.port }), receiver };
}
