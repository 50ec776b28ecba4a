/** All replicas of this playground: starts, stops and kills them, and makes sure that none outlives it. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import { type Clock, systemClock, systemRandom } from '@rookery/runtime';
import { Subject } from 'rxjs';
import type { PlaygroundConfig } from '../config.js';
import { requestJson } from '../json-request.js';
import { PLAYGROUND_CONFIG } from '../playground.tokens.js';
import { FleetError } from './errors.js';
import { freePort } from './free-port.js';
import { lastLines, linesFromError, logTail } from './log-tail.js';
import { isReady } from './readiness.js';
import { describeExit, isRunning, type Replica, type ReplicaEvent, type Request, stateAfter } from './replica.js';
import {
  type App,
  appOf,
  type Common,
  compareNames,
  MAX_REPLICAS,
  nextName,
  replicaEnvironment,
  wantedPort,
} from './replica-plan.js';
import { type ReplicaExit, ReplicaProcess } from './replica-process.js';

const READY_POLL_MS = 100;
const READY_TIMEOUT_MS = 30_000;
/** Somebody else may take a port between the moment it was found free and the moment the replica wants it. */
const MAX_ATTEMPTS = 3;
/** A replica that was asked to end gets this long; what it has to do is bounded by itself to about as much. */
const STOP_TIMEOUT_MS = 10_000;

/** A replica, and what only the fleet needs to know of it. */
interface Entry {
  replica: Replica;
  process: ReplicaProcess | undefined;
  asked: Request | undefined;
}

@Injectable()
export class Fleet {
  /** Tells of every change of a replica's state. */
  readonly events = new Subject<ReplicaEvent>();
  readonly logFolder: string;
  readonly #entries = new Map<string, Entry>();
  readonly #common: Common;
  readonly #clock: Clock = systemClock;
  #isEnding = false;

  constructor(@Inject(PLAYGROUND_CONFIG) private readonly config: PlaygroundConfig) {
    this.logFolder = join(config.dataFolder, 'logs');
    this.#common = {
      inherited: config.inherited,
      cluster: `playground-${systemRandom.bytes(6).toString('hex')}`,
      cookie: systemRandom.bytes(24).toString('base64url'),
      flagsFile: join(config.dataFolder, 'flags.db'),
    };
  }

  /** Every replica that was ever started, ended ones included, in order. */
  replicas(): readonly Replica[] {
    return [...this.#entries.values()].map(({ replica }) => replica).sort((a, b) => compareNames(a.name, b.name));
  }

  /** Makes place for the logs of this run. Nothing is started yet. */
  prepare(): void {
    rmSync(this.logFolder, { recursive: true, force: true });
    mkdirSync(this.logFolder, { recursive: true });
  }

  /** Starts a replica of this name, be it new or one that has ended. Resolves with what became of it: `up`, or ended. */
  start(name: string): Promise<Replica> {
    this.#mustNotEnd();
    const known = this.#entries.get(name);
    if (known !== undefined && isRunning(known.replica)) throw wrongState(known.replica, 'started');
    if (known === undefined && this.#entries.size >= MAX_REPLICAS) throw tooMany();
    const app = appOf(name);
    const replica: Replica = { name, app, state: 'starting', pid: undefined, url: known?.replica.url, end: '' };
    const entry: Entry = known ?? { replica, process: undefined, asked: undefined };
    entry.asked = undefined;
    this.#entries.set(name, entry);
    this.#change(entry, replica);
    return this.#run(entry).catch((error: unknown) =>
      this.#ended(entry, { code: null, signal: null, error: error as Error }, false),
    );
  }

  /** Starts one more of an application; returns its name. */
  startAnother(app: App): string {
    const name = nextName(app, [...this.#entries.keys()]);
    void this.start(name);
    return name;
  }

  /** Starts one that has ended. */
  startAgain(name: string): void {
    this.#known(name);
    void this.start(name);
  }

  /** `kill -9`: nobody is told, no goodbye is said. */
  kill(name: string): void {
    const entry = this.#running(name, 'killed');
    entry.asked = 'kill';
    entry.process?.signal('SIGKILL');
  }

  /** Asks it to end: it says goodbye to the others first. One that does not end in time is killed. */
  stop(name: string): void {
    const entry = this.#running(name, 'stopped');
    if (entry.asked === undefined) this.#stop(entry);
  }

  /** Stops all of them. Resolves when nothing runs any more. */
  async end(): Promise<void> {
    this.#isEnding = true;
    const running = [...this.#entries.values()].filter(({ replica }) => isRunning(replica));
    for (const entry of running) if (entry.asked === undefined) this.#stop(entry);
    await Promise.all(running.map(async ({ process }) => process?.exited));
  }

  /** At once, and without waiting. Safe to call while this very process ends. */
  killAll(): void {
    this.#isEnding = true;
    for (const { process, replica } of this.#entries.values()) if (isRunning(replica)) process?.signal('SIGKILL');
  }

  logFile(name: string): string {
    return join(this.logFolder, `${name}.log`);
  }

  async #run(entry: Entry): Promise<Replica> {
    const { name } = entry.replica;
    const beganAt = this.#clock.now();
    for (let attempt = 1; ; attempt++) {
      const port = await freePort(attempt === 1 ? wantedPort(name, this.config.firstPort) : 0);
      if (this.#isEnding || entry.asked !== undefined) return this.#ended(entry, { code: 0, signal: null }, false, []);
      const process = this.#spawn(entry, port);
      const exit = await this.#readyOrExit(entry, process);
      if (exit === undefined) {
        if (entry.asked === undefined) {
          this.#change(entry, { state: 'up' }, [`ready after ${Math.round(this.#clock.now() - beganAt)} ms`]);
        }
        void process.exited.then((exit) => this.#wasServing(entry, exit));
        return entry.replica;
      }
      const log = await logTail(this.logFile(name), process.logFrom);
      const wasTaken = log.includes('EADDRINUSE');
      if (wasTaken && attempt < MAX_ATTEMPTS && entry.asked === undefined) continue;
      return this.#ended(entry, exit, false, linesFromError(log));
    }
  }

  #spawn(entry: Entry, port: number): ReplicaProcess {
    const { name, app } = entry.replica;
    const environment = replicaEnvironment(name, port, this.#common);
    const process = new ReplicaProcess({ app, environment, logFile: this.logFile(name) });
    entry.process = process;
    this.#change(entry, { pid: process.pid, url: `http://127.0.0.1:${port}` });
    return process;
  }

  /** Resolves with nothing once the replica is ready. One that never is, is killed. */
  async #readyOrExit(entry: Entry, process: ReplicaProcess): Promise<ReplicaExit | undefined> {
    let exit: ReplicaExit | undefined;
    void process.exited.then((value) => (exit = value));
    const deadline = this.#clock.now() + READY_TIMEOUT_MS;
    while (exit === undefined && this.#clock.now() < deadline) {
      if (await this.#isReady(entry.replica.url ?? '')) return exit;
      await Promise.race([process.exited, this.#pause(READY_POLL_MS)]);
    }
    if (exit === undefined) process.signal('SIGKILL');
    return process.exited;
  }

  async #isReady(url: string): Promise<boolean> {
    try {
      return isReady(await requestJson(`${url}/health`, { timeoutMs: 1_000 }));
    } catch {
      return false; // It does not listen yet.
    }
  }

  async #wasServing(entry: Entry, exit: ReplicaExit): Promise<void> {
    const isCrash = entry.asked === undefined && exit.signal === null;
    this.#ended(entry, exit, true, isCrash ? lastLines(await logTail(this.logFile(entry.replica.name))) : []);
  }

  #stop(entry: Entry): void {
    const { process } = entry;
    entry.asked = 'stop';
    this.#change(entry, { state: 'stopping' });
    if (process === undefined) return;
    process.signal('SIGTERM');
    const timer = this.#clock.after(STOP_TIMEOUT_MS, () => process.signal('SIGKILL'));
    void process.exited.then(() => timer.cancel());
  }

  #ended(entry: Entry, exit: ReplicaExit, wasReady: boolean, lines: readonly string[] = []): Replica {
    const { asked } = entry;
    entry.process = undefined;
    const what = describeExit(exit, asked);
    const end = asked === undefined && !wasReady ? `did not come up: ${what}` : what;
    this.#change(entry, { state: stateAfter(exit, asked), pid: undefined, end }, asked === undefined ? lines : []);
    return entry.replica;
  }

  #change(entry: Entry, change: Partial<Replica>, detail: readonly string[] = []): void {
    entry.replica = { ...entry.replica, ...change };
    this.events.next({ replica: entry.replica, detail });
  }

  #running(name: string, what: string): Entry {
    this.#mustNotEnd();
    const entry = this.#known(name);
    if (!isRunning(entry.replica)) throw wrongState(entry.replica, what);
    return entry;
  }

  #known(name: string): Entry {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw new FleetError('UNKNOWN_REPLICA', `There is no replica called ${name}.`);
    return entry;
  }

  #mustNotEnd(): void {
    if (this.#isEnding) throw new FleetError('ENDING', 'The playground is ending.');
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.after(delayMs, resolve));
  }
}

function wrongState({ name, state }: Replica, what: string): FleetError {
  return new FleetError('WRONG_STATE', `${name} is ${state} and cannot be ${what} now.`);
}

function tooMany(): FleetError {
  const message = `${MAX_REPLICAS} replicas are enough for one machine. Start one of those that ended instead.`;
  return new FleetError('TOO_MANY_REPLICAS', message);
}
