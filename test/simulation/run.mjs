/**
 * Runs simulated clusters, seed after seed, and tells how it went. `npm run simulate -- --seeds 1000 --from 1`;
 * `--seed 42 --trace` shows one of them step by step; `--mutant NAME` breaks a rule on purpose.
 */
import { register } from 'node:module';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    mutant: { type: 'string' },
    'until-failure': { type: 'boolean', default: false },
    'max-failures': { type: 'string', default: '10' },
  },
});

const { MUTANTS } = await import('./mutants.mjs');
const mutant = values.mutant === undefined ? undefined : MUTANTS.find(({ name }) => name === values.mutant);
if (values.mutant !== undefined && mutant === undefined) throw new Error(`There is no mutant '${values.mutant}'.`);
register('./support/typescript-hooks.mjs', { parentURL: import.meta.url, data: { mutant } });
const { simulate } = await import('./simulate.ts');

const from = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const began = performance.now();
const total = { seeds: 0, failures: 0, residue: 0, steps: 0, delivered: 0, replayed: 0, gaps: 0 };
for (let seed = from; seed < from + count; seed++) {
  const outcome = await simulate(seed, values.trace ? (line) => console.log(line) : undefined);
  total.seeds++;
  for (const key of ['residue', 'steps', 'delivered', 'replayed', 'gaps']) total[key] += outcome[key];
  if (outcome.failure === undefined) continue;
  total.failures++;
  console.log(`seed ${seed}: ${outcome.failure}`);
  if (values['until-failure'] || total.failures >= Number(values['max-failures'])) break;
}
const seconds = (performance.now() - began) / 1000;
console.log(
  `${total.seeds} seeds in ${seconds.toFixed(1)} s (${(total.seeds / seconds).toFixed(1)} a second): ${total.failures} failures, ` +
    `${total.residue} of the residue, ${total.delivered} deliveries, ${total.replayed} replayed, ${total.gaps} gaps, ${total.steps} steps`,
);
process.exitCode = total.failures > 0 ? 1 : 0;
