/**
 * The compiler leaves an import alone that Node can resolve by itself: with a package `rookery` in some `node_modules` above, what
 * is built would not be made of these sources. Imported by whatever builds; ends the program with the reason.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './layers.mjs';

const folders = createRequire(join(root, 'package.json')).resolve.paths('rookery') ?? [];
const found = folders.map((folder) => join(folder, 'rookery')).find((folder) => existsSync(folder));
if (found !== undefined) {
  process.stderr.write(
    `There is a package at ${found}, which the compiler would take for these sources. Remove it, or move this clone elsewhere.\n`,
  );
  process.exit(1);
}
