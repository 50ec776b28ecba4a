/**
 * `npm run test:faults`: the suites of this folder, several at a time, for most of their time is waiting; then those that
 * measure, alone. Words after `--` choose among them by their file names. Whatever networks a killed test left, it removes.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tools/layers.mjs';

const FOLDER = 'test/faults';
const MEASURING = ['bystanders.spec.ts'];
const AT_ONCE = 3;
const PREFIX = 'rookery-';

const args = process.argv.slice(2);
const flagsAt = args.findIndex((arg) => arg.startsWith('-'));
const words = flagsAt === -1 ? args : args.slice(0, flagsAt);
const flags = flagsAt === -1 ? [] : args.slice(flagsAt);

const suites = readdirSync(join(root, FOLDER))
  .filter((name) => name.endsWith('.spec.ts'))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)));
if (suites.length === 0) {
  process.stderr.write(`There is no suite in ${FOLDER} whose name has ${words.join(' or ')} in it.\n`);
  process.exit(1);
}

let jest;
let isStopped = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isStopped = true;
    jest?.kill(signal);
  });
}

removeNetworks((pid) => !isAlive(pid));
const isAlone = (name) => MEASURING.includes(name);
const together = await run(
  suites.filter((name) => !isAlone(name)),
  [`--maxWorkers=${AT_ONCE}`],
);
const alone = await run(suites.filter(isAlone), ['--runInBand']);
process.exitCode = together && alone ? 0 : 1;

async function run(names, how) {
  if (names.length === 0 || isStopped) return !isStopped;
  const program = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
  const files = names.map((name) => join(root, FOLDER, name));
  jest = spawn(
    process.execPath,
    [...program, '--config', `${FOLDER}/jest.config.mjs`, ...how, ...flags, '--runTestsByPath', ...files],
    { cwd: root, stdio: 'inherit', env: { ...process.env, FAULTS_PREFIX: `${PREFIX}${process.pid}-` } },
  );
  const [code] = await once(jest, 'exit');
  removeNetworks((pid) => pid === process.pid);
  return code === 0;
}

/** Removes the namespaces of runs, given by their process ids. */
function removeNetworks(isOfRun) {
  for (const [name, pid] of namespaces().matchAll(new RegExp(`^${PREFIX}(\\d+)-\\S+`, 'gm'))) {
    if (isOfRun(Number(pid))) execFileSync('ip', ['netns', 'delete', name]);
  }
}

function namespaces() {
  if (process.getuid?.() !== 0) return '';
  try {
    return execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  } catch {
    return ''; // There is no such program: the suites will say so.
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // No process has that id.
  }
}
