/** Packs `dist/rookery` exactly as it would be published, into `dist/rookery.tgz`. */
import { execFileSync } from 'node:child_process';
import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './layers.mjs';

const dist = join(root, 'dist');
if (!existsSync(join(dist, 'rookery/package.json'))) {
  process.stderr.write('There is nothing to pack: run `npm run build:lib` first.\n');
  process.exit(1);
}

const options = { cwd: dist, encoding: 'utf8', shell: process.platform === 'win32' };
const [packed] = JSON.parse(execFileSync('npm', ['pack', './rookery', '--json', '--loglevel', 'error'], options));
renameSync(join(dist, packed.filename), join(dist, 'rookery.tgz'));
process.stdout.write(`dist/rookery.tgz: ${packed.entryCount} files, ${Math.round(packed.size / 1024)} KiB\n`);
