/** The applications as programs: real processes in a real cluster of their own. */
import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { eventually } from './eventually.js';
import { forkTypescript } from './fork-typescript.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

export interface Program {
  readonly process: ChildProcess;
  /** Everything that it printed so far. */
  readonly output: { readonly text: string };
  readonly exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  /** Where it serves, once it does. */
  url(): Promise<string>;
}

/** Starts programs that find each other and nobody else, and ends whichever are left. */
export class Programs {
  readonly #environment = {
    HTTP_PORT: '0',
    CLUSTER_NAME: `test-${randomUUID()}`,
    CLUSTER_COOKIE: randomUUID(),
  };
  readonly #running: ChildProcess[] = [];
  /** Where they announce themselves to each other. */
  #folder: TemporaryFolder | undefined;

  start(app: 'api' | 'landing', environment: Record<string, string>): Program {
    this.#folder ??= temporaryFolder();
    const child = forkTypescript(`apps/${app}/src/main.ts`, [], {
      ...this.#environment,
      TMPDIR: this.#folder.path,
      XDG_RUNTIME_DIR: '',
      ...environment,
    });
    this.#running.push(child);
    const output = { text: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (output.text += chunk.toString()));
    }
    return {
      process: child,
      output,
      exited: once(child, 'close') as Program['exited'],
      url: () => eventually(() => /^listening on (http:\/\/\S+)$/m.exec(output.text)?.[1], 20_000),
    };
  }

  kill(): void {
    for (const child of this.#running.splice(0)) child.kill('SIGKILL');
    this.#folder?.remove();
    this.#folder = undefined;
  }
}
