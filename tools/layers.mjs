/**
 * The layers of the house, and which file belongs to which. Read by the lint rule, the test runner and the package build,
 * so that an alias is declared once, in `tsconfig.json`.
 */
import { readFileSync } from 'node:fs';
import { basename, join, relative, sep } from 'node:path';

export const root = join(import.meta.dirname, '..');

/** Libraries from the bottom up: each may use those below its row, and nothing beside or above it. */
export const LAYERS = [
  ['runtime'],
  ['discovery'],
  ['mesh', 'redis'],
  ['pubsub', 'rpc', 'state'],
  ['node'],
  ['cluster'],
  ['feature-flags', 'pricing', 'dashboard', 'testing'],
  ['replica'],
];

/** Only these know Nest; whatever lies below must run without a single installed package. */
export const NEST_LIBS = ['cluster', 'feature-flags', 'pricing', 'dashboard', 'testing', 'replica'];

/** Optional peer dependencies, each for one lib that its users import by a face of its own. */
export const PEER_OWNERS = { ioredis: 'redis' };

/** Libraries that serve the sample applications and are not part of the npm package. */
export const UNPUBLISHED_LIBS = ['feature-flags', 'pricing', 'replica'];

/** What each alias stands for: `rookery/mesh` is `libs/node/src/index.ts`. */
export const faces = new Map(
  Object.entries(readJson('tsconfig.json').compilerOptions.paths).map(([alias, [path]]) => [
    alias,
    path.replace(/^\.\//, ''),
  ]),
);

/** What the npm package may import besides Node and itself. */
export const peers = Object.keys(readJson('libs/package.template.json').peerDependencies);

/** The faces of the npm package: `.` and `./mesh`, each with its source. */
export const subpaths = [...faces]
  .filter(([alias]) => /^rookery(\/|$)/.test(alias))
  .map(([alias, source]) => [alias.replace(/^rookery/, '.'), source]);

/** The command of the npm package, and its source. */
export const commands = { rookery: 'libs/node/src/cli/main.ts' };

/**
 * Where a file belongs. `lib` and `app` are names; `isSource` tells what is shipped from what tests it.
 *
 * @param {string} file an absolute path
 */
export function placeOf(file) {
  const path = relative(root, file).split(sep).join('/');
  const [top, name, part] = path.split('/');
  return {
    path,
    lib: top === 'libs' && part !== undefined ? name : undefined,
    app: top === 'apps' && part !== undefined ? name : undefined,
    isSource: (top === 'libs' || top === 'apps') && part === 'src' && !basename(path).endsWith('.spec.ts'),
  };
}

/** Whether the file of a lib is a face of that lib. */
export function isFace(path) {
  return [...faces.values()].includes(path);
}

export function layerOf(lib) {
  return LAYERS.findIndex((row) => row.includes(lib));
}

export function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
