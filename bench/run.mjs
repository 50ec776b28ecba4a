/**
 * `npm run bench [scenario ...]`: measures the package, installed as users get it, in
 * separate processes, with encryption on, against a bare
 * socket, Redis, NATS and Nest's TCP transport in the same run. Machines differ and are noisy: quote the ratios.
 *
 * Environment: ROUNDS (3) counted rounds, SCALE (1) of all message counts, OUT (bench/results.json).
 *
 * Ends with 1 when something broke: a role, a scenario, a contestant without figures, a lost message. Slowness never does.
 * A contestant whose program is missing is left out aloud; with CI set that is an error, too.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { peers, root } from '../tools/layers.mjs';
import { installPacked } from '../tools/packed.mjs';
import { CONTESTANTS, faults, missing } from './check.mjs';
import * as calls from './calls.mjs';
import * as publications from './scenarios.mjs';
import { stopAll } from './support.mjs';

const scenarios = { ...publications, ...calls };
const known = Object.keys(scenarios);
const chosen = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = chosen.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`Unknown: ${unknown.join(', ')}. Scenarios: ${known.join(', ')}\n`);
  process.exit(1);
}

execFileSync('npm', ['run', 'build:lib', '--silent'], { cwd: root, stdio: 'inherit' });
const { folder, remove } = installPacked(peers);
process.once('exit', remove);
process.env.ROOKERY_PROJECT = folder;

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void stopAll().finally(() => process.exit(130)));

const skipped = missing([...new Set(chosen.flatMap((name) => CONTESTANTS[name]))]);
const isMeasured = (name) => !skipped.some(({ contestant }) => contestant === name);
const rows = [];
const wrong = process.env.CI ? skipped.map(({ message }) => message) : [];
for (const name of chosen) {
  process.stdout.write(`\n${name}\n`);
  try {
    const result = await scenarios[name]();
    rows.push(...result);
    for (const scenario of new Set(result.map((row) => row.scenario))) {
      console.table(result.filter((row) => row.scenario === scenario));
    }
    wrong.push(...faults(name, result, CONTESTANTS[name].filter(isMeasured)));
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    wrong.push(`${name}: ${error.message}`);
  } finally {
    await stopAll();
  }
}
for (const { message } of skipped) process.stdout.write(`SKIPPED: ${message}\n`);
const out = process.env.OUT ?? 'bench/results.json';
const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model };
writeFileSync(out, `${JSON.stringify({ at: new Date().toISOString(), machine, rows }, null, 2)}\n`);
process.stdout.write(`\nWritten to ${out}\n`);
for (const sentence of wrong) process.stderr.write(`WRONG: ${sentence}\n`);
process.exit(wrong.length === 0 ? 0 : 1);
