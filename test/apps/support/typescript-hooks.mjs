/**
 * Module hooks that let Node run the TypeScript sources as they are: child processes of tests need no build.
 * Use with `node --import ./test/apps/support/typescript.mjs file.ts`.
 */
import { transform } from '@swc/core';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve as resolvePath } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const tsconfig = process.env.TSCONFIG ?? fileURLToPath(new URL('../../../tsconfig.json', import.meta.url));
const aliases = new Map(
  Object.entries(JSON.parse(readFileSync(tsconfig, 'utf8')).compilerOptions.paths).map(([name, [path]]) => [
    name,
    pathToFileURL(resolvePath(dirname(tsconfig), path)).href,
  ]),
);

export function resolve(specifier, context, next) {
  const alias = aliases.get(specifier);
  if (alias !== undefined) return { url: alias, shortCircuit: true };
  if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
    const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
    if (existsSync(source)) return { url: source.href, shortCircuit: true };
  }
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts') || url.includes('/node_modules/')) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), {
    filename,
    cwd: fileURLToPath(new URL('../../../', import.meta.url)), // where .swcrc is
    sourceMaps: 'inline',
  });
  return { format: 'module', source: code, shortCircuit: true };
}
