/**
 * Knows whether `dist` was built from the sources as they are now: compares them, by name, size and time of the last
 * change, with what they were when the last complete build began. A file that was deleted counts as a change, too.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from './layers.mjs';

/** Below `dist/apps`: who removes the build removes this, too. */
const STAMP = join(root, 'dist/apps/.built-from');
const FOLDERS = ['apps', 'libs'];
/** What decides how they are compiled, and against which packages. */
const FILES = ['nest-cli.json', 'package-lock.json', 'tsconfig.base.json', 'tsconfig.json', 'tools/build-apps.mjs'];
const IS_TEST = /\.spec\.ts$|^libs\/[^/]+\/test\//;

/**
 * Take it before the build, so that what changes while it runs is not missed by the next one.
 *
 * @param {string} repository another folder of the same shape, for tests
 */
export function fingerprintOfSources(repository = root) {
  const hash = createHash('sha256');
  for (const file of [...FOLDERS.flatMap((folder) => filesBelow(repository, folder)), ...FILES].sort()) {
    const { size, mtimeMs } = statSync(join(repository, file));
    hash.update(`${file} ${size} ${mtimeMs}\n`);
  }
  return hash.digest('hex');
}

export function isBuilt() {
  return existsSync(STAMP) && readFileSync(STAMP, 'utf8') === fingerprintOfSources();
}

export function markBuilt(fingerprint) {
  writeFileSync(STAMP, fingerprint);
}

/** For a build that went wrong: what an earlier one left must not pass for good. */
export function unmarkBuilt() {
  rmSync(STAMP, { force: true });
}

function filesBelow(repository, folder) {
  return readdirSync(join(repository, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(repository, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((file) => !IS_TEST.test(file));
}
