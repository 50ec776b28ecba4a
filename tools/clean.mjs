/** Removes everything that a build or a coverage run leaves behind. */
import { rmSync } from 'node:fs';

for (const folder of ['dist', 'coverage']) rmSync(folder, { recursive: true, force: true });
