/**
 * Turns what the compiler wrote to `dist/rookery` into the npm package `rookery`: gathers the code of each subpath, adds the
 * manifest and the papers, and makes sure that nothing in it refers to anything outside but Node and the peer dependencies.
 */
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { rollup } from 'rollup';
import './no-installed-rookery.mjs';
import { importsOf } from './imports.mjs';
import { commands, faces, LAYERS, NEST_LIBS, peers, readJson, root, subpaths } from './layers.mjs';

const target = join(root, 'dist/rookery');
/** Libraries that several subpaths use: a file for each. */
const BELOW_NEST = LAYERS.flat().filter((lib) => !NEST_LIBS.includes(lib));

/** What belongs to a command alone. */
const COMMAND_FOLDERS = Object.values(commands).map(
  (source) => join(target, dirname(source.replace(/^libs\//, ''))) + sep,
);

await gather();
const problems = [...subpaths.flatMap(checkBuilt), ...compiledFiles().flatMap(checkFile)];
if (problems.length > 0) {
  process.stderr.write(`The package would not work:\n${problems.map((problem) => `  - ${problem}\n`).join('')}`);
  process.exit(1);
}

writeFileSync(join(target, 'package.json'), `${JSON.stringify(manifest(), undefined, 2)}\n`);
for (const paper of ['README.md', 'LICENSE', 'CHANGELOG.md']) {
  if (existsSync(join(root, paper))) copyFileSync(join(root, paper), join(target, paper));
}

/**
 * Few files instead of many: a process spends more time on opening a hundred small ones than on running them. What several
 * subpaths use is in files of its own, so that it exists once however a process imports it. Declarations stay as they are.
 */
async function gather() {
  const sources = [...subpaths.map(([, source]) => source), ...Object.values(commands)];
  const entries = sources.map((source) => source.replace(/^libs\//, '').replace(/\.ts$/, ''));
  const bundle = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, join(target, `${entry}.js`)])),
    external: (name) => isBuiltin(name) || peers.some((peer) => name === peer || name.startsWith(`${peer}/`)),
    // Decorators and the order of imports have effects that nothing shows.
    treeshake: false,
    onLog: (level, { code, message }) => {
      // What the compiler puts before a decorated class asks for a `this` that modules do not have, and does without.
      if (code !== 'THIS_IS_UNDEFINED') throw new Error(`${level}: ${message}`);
    },
  });
  for (const file of compiledFiles()) if (file.endsWith('.js')) rmSync(join(target, file));
  await bundle.write({
    dir: target,
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name].js',
    // Not a command: whatever imported its chunk would run it.
    manualChunks: (id) =>
      COMMAND_FOLDERS.some((folder) => id.startsWith(folder))
        ? undefined
        : BELOW_NEST.find((lib) => id.startsWith(join(target, lib) + sep)),
    minifyInternalExports: false,
    hoistTransitiveImports: false,
  });
  await bundle.close();
}

/** The version and what else holds for the whole repository come from its own manifest. */
function manifest() {
  const { version, license, engines } = readJson('package.json');
  const { name, description, keywords, type, sideEffects, ...dependencies } = readJson('libs/package.template.json');
  const files = ['*/src/**/*.js', '*/src/**/*.d.ts', 'shared/*.js', 'CHANGELOG.md'];
  const { node } = engines;
  const bin = Object.fromEntries(Object.entries(commands).map(([name, source]) => [name, compiled(source).default]));
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
    bin,
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
