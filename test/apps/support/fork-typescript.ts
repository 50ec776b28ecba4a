/** Runs a TypeScript file in a process of its own. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const hooks = new URL('./typescript.mjs', import.meta.url).href;

/** @param file path from the root of the repository */
export function forkTypescript(file: string, args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return fork(`${root}${file}`, args, {
    execArgv: ['--import', hooks],
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
}
