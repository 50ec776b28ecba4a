/** The package as a user gets it: packed, and installed by npm in an empty folder. For suites and benchmarks that must not see the sources. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root } from './layers.mjs';

const built = join(root, 'dist/rookery');

function npm(args, cwd) {
  const options = { cwd, encoding: 'utf8', shell: process.platform === 'win32' };
  return execFileSync('npm', [...args, '--loglevel', 'error'], options);
}

/**
 * Packs what `npm run build:lib` built into `folder`, exactly as it would be published.
 *
 * @returns the tarball's path, and what npm says about it
 */
export function pack(folder) {
  if (!existsSync(join(built, 'package.json'))) {
    throw new Error('There is nothing to pack: run `npm run build:lib` first.');
  }
  const [about] = JSON.parse(npm(['pack', built, '--pack-destination', folder, '--json'], folder));
  const tarball = join(folder, 'rookery.tgz');
  renameSync(join(folder, about.filename), tarball);
  return { tarball, entryCount: about.entryCount, size: about.size };
}

/**
 * Installs the packed package in an empty project. No registry is asked: it has no dependencies of its own.
 *
 * @param others packages of this repository to put beside it, as a user would install them
 * @returns the project's folder, where `rookery/mesh` can be resolved, and a function that removes it
 */
export function installPacked(others = []) {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-consumer-'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
  const { tarball } = pack(folder);
  npm(['install', tarball, '--offline', '--no-audit', '--no-fund', '--omit=peer'], folder);
  for (const name of others) {
    const place = join(folder, 'node_modules', name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(root, 'node_modules', name), place, 'dir');
  }
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
