/** One replica as a process: starts it, signals it, tells how it ended. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { App, Environment } from './replica-plan.js';

export interface ReplicaExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** When it could not even be started. */
  readonly error?: Error;
}

export interface ReplicaProcessOptions {
  readonly app: App;
  readonly environment: Environment;
  /** What it prints is added here. */
  readonly logFile: string;
}

export class ReplicaProcess {
  readonly exited: Promise<ReplicaExit>;
  /** How long the log was before this process: other ones of the same name have written to it. */
  readonly logFrom: number;
  readonly #child: ChildProcess;

  constructor({ app, environment, logFile }: ReplicaProcessOptions) {
    const application = new URL(`../../../${app}/src/main.js`, import.meta.url).href;
    const log = openSync(logFile, 'a');
    try {
      this.logFrom = fstatSync(log).size;
      this.#child = fork(fileURLToPath(new URL('../replica.js', import.meta.url)), [application], {
        env: environment,
        execArgv: [],
        stdio: ['ignore', log, log, 'ipc'],
        // In a process group of its own: Ctrl-C in the terminal reaches the playground alone, which then ends it.
        detached: true,
      });
    } finally {
      closeSync(log);
    }
    this.exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
      // Either it was not started, and never exits, or a signal could not be sent, and it still may.
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) resolve({ code: null, signal: null, error });
      });
    });
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Without effect on one that has ended. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}
