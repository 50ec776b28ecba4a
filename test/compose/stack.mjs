/** One Compose project of `docker-compose.cluster.yml`, under a name of its own: its commands and its containers. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../tools/layers.mjs';

const run = promisify(execFile);
const COMMAND_TIMEOUT_MS = 120_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export class Stack {
  #command;
  #files;
  #signal;
  project = `rookery-test-${process.pid}`;
  #environment = { ...process.env, CLUSTER_COOKIE: randomUUID(), DOCKER_CLI_HINTS: 'false' };

  /**
   * @param {string[]} command how Compose is called here
   * @param {string[]} overrides further Compose files
   * @param {AbortSignal} signal ends whatever is under way
   */
  constructor(command, overrides, signal) {
    this.#command = command;
    this.#files = [join(root, 'docker-compose.cluster.yml'), ...overrides.map((file) => resolve(file))];
    this.#signal = signal;
  }

  build(timeoutMs) {
    return this.#compose(['build'], { timeoutMs });
  }

  /** Leaves containers alone that run already. */
  scale({ api, landing }) {
    return this.#compose(['up', '-d', '--no-recreate', '--scale', `api=${api}`, '--scale', `landing=${landing}`]);
  }

  /** Where Compose says that a replica serves. */
  async port(service, index) {
    return (await this.#compose(['port', '--index', String(index), service, '3000'])).trim();
  }

  async logs() {
    return this.#compose(['logs', '--no-color', '--tail', '40'], { isAbortable: false });
  }

  /** Removes everything that belongs to the project; answers with what is left of it, which should be nothing. */
  async down() {
    await this.#compose(['down', '-v', '--rmi', 'local', '--remove-orphans'], { isAbortable: false });
    const label = ['--filter', `label=com.docker.compose.project=${this.project}`];
    const left = await Promise.all([
      docker(['ps', '-aq', ...label]),
      docker(['network', 'ls', '-q', ...label]),
      docker(['volume', 'ls', '-q', ...label]),
    ]);
    return left.join('').split('\n').filter(Boolean);
  }

  /** The containers of a service, by number; also those that do not run. */
  async containers(service) {
    const filters = [
      `label=com.docker.compose.project=${this.project}`,
      `label=com.docker.compose.service=${service}`,
    ].flatMap((filter) => ['--filter', filter]);
    const ids = (await docker(['ps', '-aq', ...filters], this.#signal)).split('\n').filter(Boolean);
    if (ids.length === 0) return [];
    const inspected = JSON.parse(await docker(['inspect', ...ids], this.#signal));
    return inspected
      .map(({ Id, Name, Config, State, NetworkSettings }) => ({
        service,
        id: Id,
        name: Name.slice(1),
        number: Number(Config.Labels['com.docker.compose.container-number']),
        hostname: Config.Hostname,
        networks: Object.entries(NetworkSettings.Networks).map(([network, { Aliases }]) => ({
          network,
          aliases: Aliases ?? [],
        })),
        isRunning: State.Running && !State.Paused,
        isHealthy: State.Health?.Status === 'healthy',
        startedAt: Date.parse(State.StartedAt),
        address: addressOf(NetworkSettings.Ports?.['3000/tcp']?.[0]),
      }))
      .sort((a, b) => a.number - b.number);
  }

  /** What a program inside of the container printed; rejects unless it ended with 0. */
  exec(container, ...command) {
    return docker(['exec', container.id, ...command], this.#signal);
  }

  /** As `docker kill` does: Docker does not start the container again by itself. */
  kill(container) {
    return docker(['kill', container.id], this.#signal);
  }

  /** Kills the processes inside, as a crash would; the restart policy is up to the rest. */
  crash(container) {
    return docker(['exec', container.id, 'sh', '-c', 'kill -9 -1'], this.#signal).catch((error) => {
      if (this.#signal.aborted) throw error; // else it is `docker exec` that was killed along with them
    });
  }

  /** Stops the clocks of a container: its processes do nothing, and its kernel still answers for them. */
  pause(container) {
    return docker(['pause', container.id], this.#signal);
  }

  unpause(container) {
    return docker(['unpause', container.id], this.#signal);
  }

  /** Pulls the wires of a container. */
  async disconnect(container) {
    for (const { network } of container.networks) {
      await docker(['network', 'disconnect', network, container.id], this.#signal);
    }
  }

  /** Plugs them in again, under the names that the container had; it may get another address. */
  async connect(container) {
    for (const { network, aliases } of container.networks) {
      const names = aliases.flatMap((alias) => ['--alias', alias]);
      await docker(['network', 'connect', ...names, network, container.id], this.#signal);
    }
  }

  async #compose(args, { timeoutMs = COMMAND_TIMEOUT_MS, isAbortable = true } = {}) {
    const [program, ...first] = this.#command;
    const files = this.#files.flatMap((file) => ['-f', file]);
    return execute(program, [...first, '-p', this.project, ...files, ...args], {
      timeout: timeoutMs,
      signal: isAbortable ? this.#signal : undefined,
      env: this.#environment,
    });
  }
}

/**
 * How Compose is called on this machine, and that there is an engine for it.
 *
 * @returns {Promise<{ command: string[], version: string } | { missing: string }>}
 */
export async function findEngine() {
  try {
    await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 20_000 });
  } catch (error) {
    const reason = error.code === 'ENOENT' ? 'the program `docker` was not found' : lastLine(error.stderr);
    return { missing: `a running Docker engine that this user may use (${reason})` };
  }
  return findCompose();
}

/** How Compose is called on this machine, whether or not an engine runs. Answers as {@link findEngine} does. */
export async function findCompose() {
  for (const command of [['docker', 'compose'], ['docker-compose']]) {
    try {
      const [program, ...first] = command;
      const { stdout } = await run(program, [...first, 'version', '--short'], { timeout: 20_000 });
      return { command, version: stdout.trim() };
    } catch (error) {
      if (error.killed) return { missing: `Docker Compose that answers (${command.join(' ')} does not)` };
    }
  }
  return { missing: 'Docker Compose, as `docker compose` or as `docker-compose`' };
}

function docker(args, signal) {
  return execute('docker', args, { timeout: COMMAND_TIMEOUT_MS, signal });
}

async function execute(program, args, options) {
  try {
    return (await run(program, args, { ...options, cwd: root, maxBuffer: MAX_OUTPUT_BYTES })).stdout;
  } catch (error) {
    const output = `${error.stdout ?? ''}${error.stderr ?? ''}`.trim().split('\n').slice(-15).join('\n');
    const reason = error.killed ? `not done after ${options.timeout / 1000} s` : error.message.split('\n')[0];
    throw new Error(`${program} ${args.join(' ')}: ${reason}\n${output}`, { cause: error });
  }
}

function addressOf(binding) {
  if (binding === undefined) return undefined;
  const isEverywhere = binding.HostIp === '' || binding.HostIp === '0.0.0.0' || binding.HostIp === '::';
  return `${isEverywhere ? '127.0.0.1' : binding.HostIp}:${binding.HostPort}`;
}

function lastLine(text) {
  return (text ?? '').trim().split('\n').at(-1) || 'it does not answer';
}
