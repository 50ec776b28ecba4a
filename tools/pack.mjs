/** Packs `dist/rookery` exactly as it would be published, into `dist/rookery.tgz`. */
import { join } from 'node:path';
import { root } from './layers.mjs';
import { pack } from './packed.mjs';

const { entryCount, size } = pack(join(root, 'dist'));
process.stdout.write(`dist/rookery.tgz: ${entryCount} files, ${Math.round(size / 1024)} KiB\n`);
