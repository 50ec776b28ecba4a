/**
 * Turns what the compiler wrote to `dist/rookery` into the npm package `rookery`: adds the manifest and the papers, and
 * makes sure that nothing in it refers to anything outside but Node and the peer dependencies.
 */
import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { importsOf } from './imports.mjs';
import { faces, peers, readJson, root, subpaths } from './layers.mjs';

const target = join(root, 'dist/rookery');

const problems = [...subpaths.flatMap(checkBuilt), ...compiledFiles().flatMap(checkFile)];
if (problems.length > 0) {
  process.stderr.write(`The package would not work:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`);
  process.exit(1);
}

writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
for (const paper of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
  if (existsSync(join(root, paper))) copyFileSync(join(root, paper), join(target, paper));
}

/** The version and what else holds for the whole repository come from its own manifest. */
function manifest() {
  const { version, license, engines } = readJson('package.json');
  const { name, description, keywords, type, sideEffects, ...dependencies } = readJson('libs/package.template.json');
  const files = ['*/src/**/*.js', '*/src/**/*.d.ts', 'CHANGELOG.md'];
  const { node } = engines;
  const exports = {
    ...Object.fromEntries(subpaths.map(([subpath, source]) => [subpath, compiled(source)])),
    './package.json': './package.json',
  };
  return {
    name,
    version,
    description,
    keywords,
    license,
    type,
    engines: { node },
    sideEffects,
    files,
    exports,
    ...dependencies,
  };
}

/** `libs/node/src/index.ts` is `./node/src/index.js` in the package. */
function compiled(source) {
  const path = `./${source.replace(/^libs\//, '').replace(/\.ts$/, '')}`;
  return { types: `${path}.d.ts`, default: `${path}.js` };
}

function checkBuilt([subpath, source]) {
  const missing = Object.values(compiled(source)).filter((path) => !existsSync(join(target, path)));
  return missing.map((path) => `${subpath}: ${path} is missing; is its source in libs/tsconfig.package.json?`);
}

function compiledFiles() {
  return readdirSync(target, { recursive: true }).filter((file) => /\.[cm]?[jt]s$/.test(file));
}

function checkFile(file) {
  if (/\.spec\./.test(file) || (/\.ts$/.test(file) && !/\.d\.ts$/.test(file))) return [`${file} does not belong there`];
  return importsOf(join(target, file)).flatMap((name) => {
    const packageName = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
    if (isBuiltin(name) || peers.includes(packageName)) return [];
    if (faces.has(name)) return [`${file} imports ${name} under the name that only the sources have`];
    if (!name.startsWith('.')) return [`${file} imports ${name}, which is no peer dependency`];
    const path = join(target, dirname(file), name);
    const found = existsSync(file.endsWith('.d.ts') ? path.replace(/\.js$/, '.d.ts') : path);
    return found ? [] : [`${file} imports ${name}, which is not in the package`];
  });
}
