/** Drives nodes in processes of their own: spawn, ask, signal, and wait for what they report. */
import { type ChildProcess, fork, type ForkOptions } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export const COOKIE = 'b5a1c0ffee5e7aab90d21f00c0de4242';

export interface NodeEvent {
  readonly event: string;
  readonly at: number;
  readonly name?: string;
  readonly incarnation?: string;
  readonly reason?: string;
  readonly missed?: number;
  readonly message?: string;
  /** For a gap of a slow handler: how many events it had handled. */
  readonly handled?: number;
  /** For the `goodbye` of the process itself: the last counter that its loop published. */
  readonly last?: number;
}

export interface Stats {
  readonly links: readonly {
    readonly member: { readonly name: string; readonly incarnation: string };
    readonly isDialled: boolean;
  }[];
}

export interface HeardStream {
  /** The first and the last counter. */
  readonly first: number;
  readonly last: number;
  readonly count: number;
  readonly missed: number;
  readonly firstAt: number;
  readonly replayed: number;
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: string;
}

type Discovery = readonly (
  | readonly ['static', readonly { host: string; port: number }[]]
  | readonly ['dns' | 'multicast', object]
  | readonly ['gated']
)[];

interface Cpu {
  readonly user: number;
  readonly system: number;
}

/** How the process of a node is started, when not as usual. */
export interface Launch {
  /** The program, from the root of the repository; it must take the same commands. */
  readonly script?: string;
  readonly execPath?: string;
  readonly execArgv?: readonly string[];
}

/** Wall time with the precision of the monotonic clock: comparable between processes of one host. */
export const wallMs = (): number => performance.timeOrigin + performance.now();

/** A project with the packed package installed; `install.mjs` makes it before the first suite. */
export const PROJECT = process.env['ROOKERY_PROJECT'] ?? '';

export class NodeProcess {
  private static readonly all = new Set<NodeProcess>();
  readonly events: NodeEvent[] = [];
  incarnation = '';
  port = 0;
  listeningAt = 0;
  readyAt = 0;
  readonly forkedAt: number;
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  private nextId = 1;
  private readonly spawned: Promise<void>;
  private noteSpawned: () => void = () => undefined;

  private constructor(
    readonly name: string,
    { script = 'test/processes/support/node-process.mjs', execPath, execArgv = ['--expose-gc'] }: Launch,
  ) {
    NodeProcess.all.add(this);
    const options: ForkOptions = { execArgv: [...execArgv], serialization: 'advanced' };
    if (execPath !== undefined) options.execPath = execPath;
    this.child = fork(join(process.cwd(), script), [PROJECT], options);
    this.forkedAt = wallMs();
    this.child.on('message', (message: (Answer & NodeEvent) | { readonly events: readonly NodeEvent[] }) => {
      if ('events' in message) for (const event of message.events) this.onMessage(event);
      else this.onMessage(message);
    });
    this.spawned = new Promise((resolve, reject) => {
      this.noteSpawned = resolve;
      this.child.once('exit', (code, signal) => reject(new Error(`${name} ended (${code ?? signal})`)));
    });
    this.child.on('exit', (code, signal) => {
      NodeProcess.all.delete(this);
      for (const { reject } of this.waiting.values()) reject(new Error(`${this.name} ended (${code ?? signal})`));
    });
  }

  /** Starts a node and waits until its first mesh is formed. */
  static async start(name: string, discovery: Discovery, options: Record<string, unknown> = {}): Promise<NodeProcess> {
    const node = await NodeProcess.spawn(name);
    await node.open(discovery, options);
    return node;
  }

  /** Only the process: its mesh is opened by {@link open}. */
  static async spawn(name: string, launch: Launch = {}): Promise<NodeProcess> {
    const node = new NodeProcess(name, launch);
    // Told, not looked for: fifty that are looked at every few milliseconds keep a processor busy that they need themselves.
    await node.spawned;
    return node;
  }

  /** @param rest what the script of the process wants to know besides */
  async open(discovery: Discovery, options: Record<string, unknown> = {}, rest: object = {}): Promise<void> {
    const result = await this.ask<{
      address: { port: number };
      incarnation: string;
      listeningAt: number;
      readyAt: number;
    }>('start', {
      options: { name: this.name, cookie: COOKIE, listen: { host: '127.0.0.1', port: 0 }, ...options },
      discovery,
      ...rest,
    });
    this.port = result.address.port;
    this.incarnation = result.incarnation;
    this.listeningAt = result.listeningAt;
    this.readyAt = result.readyAt;
  }

  /** Ends whatever is still running; for `afterEach`. */
  static async endAll(): Promise<void> {
    await Promise.all([...NodeProcess.all].map((node) => node.end('SIGKILL')));
  }

  get pid(): number {
    return this.child.pid!;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  ask<T>(command: string, argument?: unknown): Promise<T> {
    const id = this.nextId++;
    return new Promise<T>((resolve, reject) => {
      this.waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.child.send({ id, command, argument });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends a signal and waits for the process to end; resolves with its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.isRunning) return this.child.exitCode;
    const exited = once(this.child, 'exit') as Promise<[number | null]>;
    this.child.kill(signal);
    // A stopped process ends only after it goes on.
    this.child.kill('SIGCONT');
    return (await exited)[0];
  }

  /** The first event of that kind about the node `name`, now or later. */
  async event(kind: string, name?: string, since = 0): Promise<NodeEvent> {
    const find = (): NodeEvent | undefined =>
      this.events.find(
        ({ event, name: who, at }) => event === kind && at >= since && (name === undefined || who === name),
      );
    await this.until(() => find() !== undefined, `${kind} ${name ?? ''}`);
    return find()!;
  }

  /** Waits for the process to end by itself; resolves with its exit code. */
  async ended(timeoutMs: number): Promise<number | null> {
    await this.until(() => !this.isRunning, 'its end', timeoutMs);
    return this.child.exitCode;
  }

  ofKind(kind: string): NodeEvent[] {
    return this.events.filter(({ event }) => event === kind);
  }

  /** What happened, without what the process itself reports: `kind name` or `kind name reason`, in order. */
  journal(since = 0): string[] {
    return this.events
      .filter(({ event, at }) => at >= since && (event.startsWith('member.') || event === 'gap' || event === 'error'))
      .map(({ event, name, reason }) => [event, name, ...(event === 'gap' ? [reason] : [])].join(' '));
  }

  /** The processor time that the process has used so far, in seconds. */
  async cpuSeconds(): Promise<number> {
    const { user, system } = await this.ask<Cpu>('cpu');
    return (user + system) / 1e6;
  }

  async heard(): Promise<{ heard: Record<string, HeardStream>; anomalies: string[]; stampsHeard: number }> {
    return this.ask('heard');
  }

  /** What this node heard of the stream of one sender. */
  async stream(from: NodeProcess, stream: string): Promise<HeardStream | undefined> {
    const { heard } = await this.heard();
    return heard[`${from.name}/${from.incarnation}/${stream}`];
  }

  /** Waits until the stream reached `last`. */
  async reached(from: NodeProcess, stream: string, last: number, timeoutMs = 30_000): Promise<HeardStream> {
    await this.until(
      async () => ((await this.stream(from, stream))?.last ?? 0) >= last,
      `${stream} ${last}`,
      timeoutMs,
    );
    return (await this.stream(from, stream))!;
  }

  async until(condition: () => boolean | Promise<boolean>, what: string, timeoutMs = 30_000): Promise<void> {
    await until(condition, `${this.name}: ${what}`, timeoutMs);
  }

  private onMessage(message: Answer & NodeEvent): void {
    if (message.id === undefined) {
      this.events.push(message);
      if (message.event === 'spawned') this.noteSpawned();
      return;
    }
    const waiting = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(`${this.name}: ${message.error}`));
  }
}

/** Waits for a condition, looking often; fails with what it waited for. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Waited ${timeoutMs} ms in vain for: ${what}`);
    await delay(5);
  }
}

/** Waits until every node lists `count` members that are up. */
export async function joined(nodes: readonly NodeProcess[], count = nodes.length - 1): Promise<void> {
  for (const node of nodes) {
    await node.until(
      async () =>
        (await node.ask<{ status: string }[]>('members')).filter(({ status }) => status === 'up').length === count,
      `${count} members`,
    );
  }
}

/** A free port of loopback. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

let nextFixed = 12_000 + Math.floor(Math.random() * 15_000);

/**
 * A free port of loopback that the system gives to no outgoing connection: for addresses that are to be listened on again,
 * or among many links.
 */
export async function fixedPort(): Promise<number> {
  for (let tries = 0; tries < 1_000; tries++) {
    const port = nextFixed++;
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error('There is no free port');
}

export const seed = (...ports: number[]): Discovery => [['static', ports.map((port) => ({ host: '127.0.0.1', port }))]];
