import { readFileSync } from 'node:fs';
import ts from 'typescript';

/**
 * Every module that a compiled file names, types such as `import('typeorm').DataSource` included; not
 * `declare module 'rookery'`.
 */
export function importsOf(path) {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(path, 'utf8'));
  return [...importedFiles, ...typeReferenceDirectives].map(({ fileName }) => fileName);
}
