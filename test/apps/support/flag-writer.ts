/**
 * A process that writes one flag many times: `flag-writer.ts <options as JSON> <key> <times>`.
 * Says when its connection stands, starts when told, and hands back the versions it was given.
 */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { FeatureFlagsOptions } from '../../../libs/feature-flags/src/feature-flags.options.js';
import { openStore } from './flag-store.js';

const [options = '{}', key = '', times = '0'] = process.argv.slice(2);
const { store, close } = openStore(JSON.parse(options) as Partial<FeatureFlagsOptions>);

const told = once(process, 'message');
await store.all();
process.send?.('ready');
await told;
const versions: number[] = [];
for (let i = 0; i < Number(times); i++) {
  versions.push((await store.put(key, { enabled: i % 2 === 0 }, String(process.pid))).record.version);
  await pause(1); // so that the writers take turns, not one stretch after the other
}
await close();
process.send?.(versions, () => process.disconnect());
