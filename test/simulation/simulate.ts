/** Runs one seed: the door to the simulation for whoever runs many. */
import { makeKeyRing, type KeyRing } from '@rookery/mesh';
import { World, type Outcome } from './world.js';

/** Deriving keys is slow on purpose, and nothing here depends on them. */
let keys: Promise<KeyRing> | undefined;

export async function simulate(seed: number, trace?: (line: string) => void): Promise<Outcome> {
  keys ??= makeKeyRing({ use: 'a simulated cookie', accept: [] });
  return new World(seed, await keys, trace).run();
}
