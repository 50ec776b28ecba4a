/** A Postgres server of its own for a test, when this machine has the programs for one. */
import { describe, it } from '@jest/globals';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { eventually } from '../../apps/support/eventually.js';

export interface PostgresServer {
  /** Makes an empty database; resolves to its address. */
  newDatabase(): Promise<string>;
  /** Kills it as a power cut would, and starts it again on the same port and data. */
  crash(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface Account {
  readonly uid?: number;
  readonly gid?: number;
}

/** Tests that need a server: skipped, and that loudly, where none can be started; on a CI machine that is a failure. */
export function describeWithPostgres(name: string, tests: () => void): void {
  const reason = postgresUnavailable();
  if (reason === undefined) {
    describe(name, tests);
  } else if (process.env.CI) {
    it(`can test ${name}`, () => {
      throw new Error(`On a CI machine this must not be skipped: ${reason}.`);
    });
  } else {
    process.stderr.write(`SKIPPED: ${name}: ${reason}. Install Postgres, on Debian the package "postgresql".\n`);
    describe.skip(`${name} (skipped: ${reason})`, tests);
  }
}

/** Why no server can be started here; undefined when one can. */
function postgresUnavailable(): string | undefined {
  if (postgresPrograms() === undefined) return 'no initdb and postgres programs were found';
  if (process.getuid?.() === 0 && accountFor() === undefined)
    return 'postgres refuses to run as root, and there is no account "postgres"';
  return undefined;
}

export async function startPostgres(): Promise<PostgresServer> {
  const programs = postgresPrograms();
  const account = accountFor();
  if (programs === undefined || account === undefined) throw new Error(postgresUnavailable());
  const folder = mkdtempSync(join(tmpdir(), 'rookery-postgres-'));
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid ?? account.uid);
  const options = { ...account, cwd: folder, stdio: 'ignore' } as const;
  execFileSync(join(programs, 'initdb'), ['-D', folder, '-U', 'flags', '-A', 'trust', '--no-sync'], options);
  const port = await freePort();
  const urlOf = (database: string) => `postgres://flags@127.0.0.1:${port}/${database}`;

  let server: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    server = spawn(
      join(programs, 'postgres'),
      ['-D', folder, '-k', folder, '-h', '127.0.0.1', '-p', String(port), '-F'],
      options,
    );
    await eventually(() => canConnect(urlOf('postgres')), 20_000);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  await start();
  let databases = 0;
  return {
    newDatabase: async () => {
      const name = `flags_${++databases}`;
      const client = new pg.Client({ connectionString: urlOf('postgres') });
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return urlOf(name);
    },
    // SIGQUIT is Postgres's "immediate shutdown": every connection breaks at once.
    crash: () => end('SIGQUIT'),
    restart: start,
    stop: async () => {
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function canConnect(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined); // a server that is still starting hangs up
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}

/** The folder of the server programs. Debian keeps them out of the PATH. */
function postgresPrograms(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const folders = (process.env.PATH ?? '').split(':');
  try {
    folders.push(...readdirSync(debian).map((version) => join(debian, version, 'bin')));
  } catch {
    // Not a Debian with Postgres: the PATH must do.
  }
  return folders.find((folder) => ['initdb', 'postgres'].every((program) => isExecutable(join(folder, program))));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Postgres does not run as root; there, its own account is taken. */
function accountFor(): Account | undefined {
  if (process.getuid?.() !== 0) return {};
  try {
    const id = (flag: string) =>
      Number(execFileSync('id', [flag, 'postgres'], { stdio: ['ignore', 'pipe', 'ignore'] }));
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
