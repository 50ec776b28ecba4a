/**
 * Builds the applications into `dist/apps`, and the libraries that they use into `dist/libs`, and makes sure that they
 * use those and no package of the same name.
 * Names as arguments build only these; otherwise every folder of `apps/` that has something to build.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative } from 'node:path';
import { fingerprintOfSources, markBuilt, unmarkBuilt } from './build-stamp.mjs';
import { importsOf } from './imports.mjs';
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

const require = createRequire(import.meta.url);
const nest = require.resolve('@nestjs/cli/bin/nest.js');
for (const app of named.length > 0 ? named : present) {
  const { status } = spawnSync(process.execPath, [nest, 'build', app], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

const left = builtFiles().flatMap(aliasesLeftIn);
if (left.length > 0) {
  unmarkBuilt();
  process.stderr.write(`The build would not run the code of this repository:\n${left.join('')}`);
  process.exit(1);
}

if (named.length === 0) markBuilt(fingerprint);

function builtFiles() {
  return ['apps', 'libs']
    .map((folder) => join(root, 'dist', folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder, { recursive: true }).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.js'));
}

/** The compiler leaves an alias as it is where a package of that name is installed, in a parent folder, say. */
function aliasesLeftIn(file) {
  return importsOf(file)
    .filter((name) => /^(rookery(\/|$)|@rookery\/)/.test(name))
    .map((name) => {
      const packageName = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
      const found = require.resolve
        .paths(name)
        .map((folder) => join(folder, packageName))
        .find((folder) => existsSync(folder));
      const why = found === undefined ? 'which stands for no built file' : `which is found in ${found}`;
      const remedy = found === undefined ? 'Is it in tsconfig.json?' : 'Move that folder away, and build again.';
      return `  - ${relative(root, file)} imports ${name}, ${why}. ${remedy}\n`;
    });
}
