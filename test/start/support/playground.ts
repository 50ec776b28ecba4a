/** The playground as `npm start` runs it, on free ports and in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import request from 'supertest';
import type { PlaygroundView, ReplicaView } from '../../../apps/playground/src/watch/playground-view.js';
import { eventually } from '../../apps/support/eventually.js';
import { type TemporaryFolder, temporaryFolder } from '../../apps/support/temporary-folder.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const START_MS = 60_000;

export interface StartOptions {
  /** Runs `npm start`, not only what that runs. */
  readonly npm?: boolean;
  readonly environment?: Record<string, string>;
  readonly folder?: TemporaryFolder;
}

export class Playground {
  static readonly #all: Playground[] = [];
  readonly output: { text: string } = { text: '' };
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  readonly folder: TemporaryFolder;
  readonly #process: ChildProcess;
  readonly #pids = new Set<number>();

  private constructor({ npm = false, environment = {}, folder = temporaryFolder() }: StartOptions) {
    this.folder = folder;
    const [program, ...args] = npm ? ['npm', 'start'] : [process.execPath, 'tools/start.mjs'];
    this.#process = spawn(program, args, {
      cwd: root,
      env: {
        ...process.env,
        PLAYGROUND_PORT: '0',
        PLAYGROUND_API_PORT: '0',
        PLAYGROUND_LANDING_PORT: '0',
        PLAYGROUND_DATA: folder.file('data'),
        TMPDIR: folder.path,
        XDG_RUNTIME_DIR: '',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output.text += chunk.toString()));
    }
    this.exited = once(this.#process, 'close') as Playground['exited'];
  }

  static spawn(options: StartOptions = {}): Playground {
    const playground = new Playground(options);
    this.#all.push(playground);
    return playground;
  }

  /** Resolves once it has printed the address to open. */
  static async start(options: StartOptions = {}): Promise<Playground> {
    const playground = this.spawn(options);
    await playground.printed(/^ {2}Open {2}http/m);
    await playground.view();
    return playground;
  }

  /** Ends whatever the tests have left running. */
  static async endAll(): Promise<void> {
    for (const playground of this.#all.splice(0)) {
      playground.signal('SIGKILL');
      await playground.exited;
      for (const pid of playground.#pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
      playground.folder.remove();
    }
  }

  get url(): string {
    return /Open {2}(\S+)/.exec(this.output.text)?.[1] ?? '';
  }

  /** Waits for words in the terminal; fails early when it ends without them. */
  async printed(words: RegExp, timeoutMs = START_MS): Promise<void> {
    let ended = false;
    void this.exited.then(() => (ended = true));
    await eventually(() => words.test(this.output.text) || ended, timeoutMs);
    if (!words.test(this.output.text)) throw new Error(`It ended without saying ${words}:\n${this.output.text}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async view(): Promise<PlaygroundView> {
    const view = (await request(this.url).get('/view').expect(200)).body as PlaygroundView;
    for (const { pid } of view.replicas) if (pid !== null) this.#pids.add(pid);
    return view;
  }

  async replica(name: string): Promise<ReplicaView> {
    return (await this.view()).replicas.find((replica) => replica.name === name)!;
  }

  /** Waits until the view is as it should be. */
  async shows(condition: (view: PlaygroundView) => boolean): Promise<PlaygroundView> {
    return eventually(async () => {
      const view = await this.view();
      return condition(view) ? view : undefined;
    }, 30_000);
  }

  /** As the page asks. */
  post(path: string, body: object = {}): request.Test {
    return request(this.url).post(path).set('Origin', this.url).send(body);
  }

  put(path: string, body: object): request.Test {
    return request(this.url).put(path).set('Origin', this.url).send(body);
  }

  /** Processes of replicas that were ever seen and are alive. */
  alive(): number[] {
    return [...this.#pids].filter(isAlive);
  }
}

/** Whether so many replicas are up, every one linked to every other. */
export function isFullMesh({ replicas, edges }: PlaygroundView, count: number): boolean {
  const up = replicas.filter(({ state }) => state === 'up').map(({ name }) => name);
  const between = edges.filter(({ from, to }) => up.includes(from) && up.includes(to));
  return up.length === count && between.filter(({ kind }) => kind === 'link').length === (count * (count - 1)) / 2;
}

/** A process that has ended and that nobody has asked about yet counts as ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return process.platform !== 'linux'; // It ended between the two questions; elsewhere there is no such file.
  }
}
