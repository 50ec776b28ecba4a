/** Installs the packed package once for all suites of this folder. */
import { installPacked } from '../../../tools/packed.mjs';

/** What the Nest application of these suites needs beside it. The bare nodes use none of it. */
const NEST = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  'reflect-metadata',
  'rxjs',
];

export default function setup() {
  const { folder, remove } = installPacked(NEST);
  process.env.ROOKERY_PROJECT = folder;
  process.once('exit', remove);
}
