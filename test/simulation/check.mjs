/**
 * The whole check: so many seeds of the simulation, the seeds that once failed, and every mutant until it is caught. Prints
 * what it did, and a last line that counts. `npm run test:simulation`; `SEEDS` (3000) and `FROM` (1) change the portion.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { KEPT_SEEDS } from './kept-seeds.mjs';
import { MUTANTS } from './mutants.mjs';

const SEEDS = Number(process.env.SEEDS ?? 3_000);
const FROM = Number(process.env.FROM ?? 1);
/** Small portions, so that no process waits long for the other. */
const PORTION = 250;
/** A mutant that lives through so many seeds has survived. */
const MUTANT_SEEDS = 4_000;

const script = new URL('run.mjs', import.meta.url).pathname;
let passed = 0;
let failed = 0;

function record(isGood, line) {
  if (isGood) passed++;
  else failed++;
  console.log(`${isGood ? 'ok    ' : 'NOT OK'} ${line}`);
}

/** Runs the simulation in a process of its own; resolves with its exit code and lines. */
function run(...args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--no-warnings', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = [];
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    child.on('close', (code) => resolve({ code, lines }));
  });
}

async function portion(from, seeds) {
  const { code, lines } = await run('--from', from, '--seeds', seeds);
  for (const line of lines.slice(0, -1)) console.log(`       ${line}`);
  record(code === 0, `seeds ${from} to ${from + seeds - 1}: ${lines.at(-1)}`);
}

async function kept({ seed, about }) {
  const { code, lines } = await run('--seed', seed);
  record(code === 0, `kept seed ${seed} (${about})${code === 0 ? '' : `: ${lines[0]}`}`);
}

async function mutant({ name, rule }) {
  const { code, lines } = await run('--mutant', name, '--seeds', MUTANT_SEEDS, '--until-failure');
  const seeds = Number.parseInt(lines.at(-1) ?? '', 10);
  // 1: the simulation found a failure. Anything else is an accident, such as an edit that found no place.
  const isCaught = code === 1 && lines.some((line) => line.startsWith('seed '));
  const what = isCaught ? `caught after ${seeds} seeds: ${lines[0]}` : `survived (exit code ${code})`;
  record(isCaught, `mutant ${name} (${rule}): ${what}`);
}

const work = [
  ...MUTANTS.map((each) => () => mutant(each)),
  ...KEPT_SEEDS.map((each) => () => kept(each)),
  ...Array.from({ length: Math.ceil(SEEDS / PORTION) }, (_, i) => () => {
    const from = FROM + i * PORTION;
    return portion(from, Math.min(PORTION, FROM + SEEDS - from));
  }),
];
const workers = Array.from({ length: Math.max(1, availableParallelism()) }, async () => {
  for (let next = work.shift(); next !== undefined; next = work.shift()) await next();
});
await Promise.all(workers);
console.log(`\n${passed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed > 0 ? 1 : 0;
