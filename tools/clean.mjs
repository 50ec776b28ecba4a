/** Removes what a build or a coverage run leaves behind: all of it, or only the folders that are named. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './layers.mjs';

const named = process.argv.slice(2);

for (const folder of named.length > 0 ? named : ['dist', 'coverage']) {
  rmSync(join(root, folder), { recursive: true, force: true });
}
