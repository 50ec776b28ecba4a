/** A Redis or a NATS of the suite's own, in a process that ends with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, it } from '@jest/globals';

export interface Broker {
  readonly port: number;
  /** Stands still from here on, with its connections open. */
  suspend(): void;
  resume(): void;
  /** Also one that stands still. */
  stop(): Promise<void>;
}

/** Where it stands, if it is installed. */
function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** A suite that needs `program`: skipped, and that loudly, where it is missing; on a CI machine that is a failure. */
export function describeWith(program: string, what: string, suite: () => void): void {
  if (find(program) !== undefined) return describe(what, suite);
  if (process.env['CI'] !== undefined) {
    it(`can test ${what}`, () => {
      throw new Error(`On a CI machine this must not be skipped: no ${program} was found.`);
    });
    return;
  }
  process.stderr.write(`SKIPPED: ${what}: no ${program} was found. On Debian it is the package "${program}".\n`);
  describe.skip(what, suite);
}

/** Starts it on `port` of loopback, with nothing on disk, and waits until it answers. */
export async function startBroker(program: string, port: number): Promise<Broker> {
  const options: Readonly<Record<string, readonly string[]>> = {
    'redis-server': ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    'nats-server': ['--addr', '127.0.0.1', '--port', String(port)],
  };
  const child = spawn(find(program)!, options[program] ?? [], { stdio: 'ignore' });
  await answers(child, port);
  return {
    port,
    suspend: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill();
      child.kill('SIGCONT');
      await exited;
    },
  };
}

async function answers(child: ChildProcess, port: number): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`);
    const socket = connect(port, '127.0.0.1');
    const isThere = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    if (isThere) return;
    await delay(20);
  }
  throw new Error('It does not answer.');
}
