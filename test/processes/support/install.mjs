/** Installs the packed package once for all suites of this folder. */
import { installPacked } from '../../../tools/packed.mjs';

export default function setup() {
  const { folder, remove } = installPacked();
  process.env.ROOKERY_PROJECT = folder;
  process.once('exit', remove);
}
