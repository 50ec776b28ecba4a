/**
 * Builds the applications into `dist/apps`, and the libraries that they use into `dist/libs`.
 * Names as arguments build only these; otherwise every folder of `apps/` that has something to build.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fingerprintOfSources, markBuilt } from './build-stamp.mjs';
import { readJson, root } from './layers.mjs';

const named = process.argv.slice(2);
const present = readdirSync(join(root, 'apps')).filter((app) =>
  existsSync(join(root, 'apps', app, 'tsconfig.app.json')),
);
const known = Object.keys(readJson('nest-cli.json').projects);
const unknown = [...present, ...named].filter((app) => !known.includes(app) || !present.includes(app));
if (unknown.length > 0) {
  process.stderr.write(
    `${unknown.join(', ')}: needs a folder in apps/ with tsconfig.app.json, and an entry in nest-cli.json\n`,
  );
  process.exit(1);
}

const fingerprint = fingerprintOfSources();

// What was deleted or renamed must not live on in a build.
if (named.length === 0)
  for (const folder of ['apps', 'libs']) rmSync(join(root, 'dist', folder), { recursive: true, force: true });

const nest = createRequire(import.meta.url).resolve('@nestjs/cli/bin/nest.js');
for (const app of named.length > 0 ? named : present) {
  const { status } = spawnSync(process.execPath, [nest, 'build', app], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

if (named.length === 0) markBuilt(fingerprint);
