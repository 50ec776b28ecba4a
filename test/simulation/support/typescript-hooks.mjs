/**
 * Module hooks that let Node run the sources as they stand, without a build: aliases and `.js` names lead to `.ts` files, which
 * are stripped of their types. A mutant is applied on the way: the repository never holds broken code.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transform } from '@swc/core';
import { faces, readJson, root } from '../../../tools/layers.mjs';

const options = { ...readJson('.swcrc'), swcrc: false, sourceMaps: 'inline' };
let mutant;

export function initialize(data) {
  mutant = data.mutant;
}

export async function resolve(specifier, context, next) {
  const face = faces.get(specifier);
  if (face !== undefined) return { url: pathToFileURL(join(root, face)).href, shortCircuit: true };
  const isOurs = context.parentURL?.endsWith('.ts') && /^\.{1,2}\/.*\.js$/.test(specifier);
  return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const source = mutated(filename, await readFile(filename, 'utf8'));
  const { code } = await transform(source, { ...options, filename });
  return { format: 'module', source: code, shortCircuit: true };
}

function mutated(filename, source) {
  for (const { file, find, replace } of mutant?.edits ?? []) {
    if (filename !== join(root, file)) continue;
    if (source.split(find).length !== 2) {
      throw new Error(`The mutant '${mutant.name}' looks for a text that ${file} does not hold exactly once:\n${find}`);
    }
    source = source.replace(find, () => replace);
  }
  return source;
}
