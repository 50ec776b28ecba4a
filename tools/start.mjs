/**
 * `npm start`: builds the applications if their sources changed since the last build, and runs the playground in this
 * very process, so that a signal for `npm start` reaches it without a shell in between.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isBuilt } from './build-stamp.mjs';
import { root } from './layers.mjs';

// A playground that runs keeps its build; the one to be started then only says that the other is there.
if (!isBuilt() && !(await isRunning())) build();
await import('../dist/apps/playground/src/main.js');

function build() {
  process.stdout.write('\n  Building the applications. This takes a while, and is done again only after a change.\n');
  const builder = join(root, 'tools/build-apps.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [builder], { cwd: root, encoding: 'utf8' });
  if (status === 0) return;
  process.stderr.write(`${stdout}${stderr}\n  The build failed.\n`);
  process.exit(1);
}

async function isRunning() {
  const folder = resolve(process.env.PLAYGROUND_DATA || 'data/playground');
  try {
    const { url } = JSON.parse(readFileSync(join(folder, 'running.json'), 'utf8'));
    const response = await fetch(new URL('/identity', url), { signal: AbortSignal.timeout(1_000) });
    return response.ok && (await response.json()).playground === true;
  } catch {
    return false; // No such file, or nobody there any more.
  }
}
