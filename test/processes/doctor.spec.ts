/** The command `rookery doctor`, as the package installs it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it } from '@jest/globals';
import { COOKIE, PROJECT } from './support/node-process.js';

it('the doctor of the installed package looks, and says what to mend', async () => {
  const { code, stdout, stderr } = await run(['doctor', '--peers', '127.0.0.1:1,127.0.0.1:2', '--cluster', 'shop']);
  expect([code, stderr]).toEqual([1, '']);
  expect(stdout).toMatch(/^Cluster 'shop'/);
  expect(stdout).toMatch(/problem +127\.0\.0\.1:1 +refused \(ECONNREFUSED\)\n +Nobody listens there/);
});

it('the doctor takes the options of an application from its module', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'rookery-doctor-')), 'options.mjs');
  writeFileSync(
    file,
    `export const options = async () => ({ cluster: 'from-module', drainDelayMs: 5000, isGlobal: true, cookie: ${JSON.stringify(COOKIE)},
    discovery: { name: 'own', discover: async () => [] } });`,
  );
  const { code, stdout } = await run(['doctor', '--config', file, '--export', 'options', '--json']);
  rmSync(dirname(file), { recursive: true });
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({
    cluster: 'from-module',
    strategies: [{ name: 'own', state: 'answered', addresses: [] }],
    discovery: [],
  });
});

it('the doctor says so where it is given the module instead of its options, or nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-doctor-'));
  const file = join(folder, 'app.mjs');
  writeFileSync(file, 'export const cluster = { module: class {}, providers: [] };');
  const asModule = await run(['doctor', '--config', file, '--export', 'cluster']);
  const missing = await run(['doctor', '--config', file]);
  rmSync(folder, { recursive: true });
  expect([asModule.code, missing.code]).toEqual([2, 2]);
  expect(asModule.stderr).toContain('is a module of Nest: export the options that it is made with');
  expect(missing.stderr).toContain('exports no default; it exports cluster. See --export.');
});

it('the doctor refuses a command line that cannot work, with all problems and what was meant', async () => {
  const { code, stdout, stderr } = await run(['doctor', '--kubernets-dns', 'app', '--port', 'http', '--peers=nowhere']);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain('--kubernets-dns is no option, did you mean --kubernetes-dns?');
  expect(stderr).toContain("--peers must be a list of host:port, separated by commas; 'nowhere' is none");
  expect(stderr).toContain("--port must be a port from 1 to 65535, not 'http'");
});

it('the doctor ends although the module of an application holds something open', async () => {
  const { code, stdout } = await withModule(
    `setInterval(() => undefined, 1000); export default ${OPTIONS_OF_NOBODY};`,
    (file) => run(['doctor', '--config', file]),
  );
  expect(code).toBe(1);
  expect(stdout).toMatch(/2 problems\.\n$/);
});

it.each([
  ['throws later', "setTimeout(() => { throw new Error('no \\u001b[2J way'); })"],
  ['leaves a rejection alone', "void Promise.reject(new Error('no \\u001b[2J way'))"],
  ['throws at once', "throw new Error('no \\u001b[2J way')"],
])('the doctor could not look where the module of an application %s', async (_what, text) => {
  const slow = `{ name: 'slow', discover: () => new Promise((found) => setTimeout(() => found([]), 2000)) }`;
  const { code, stdout, stderr } = await withModule(
    `${text}; export default { cookie: ${JSON.stringify(COOKIE)}, discovery: ${slow} };`,
    (file) => run(['doctor', '--config', file]),
  );
  expect([code, stdout, stderr]).toEqual([2, '', 'no \\u001b[2J way\n']);
});

it('the doctor takes the options of ClusterModule.forRoot, drainDelayMs among them', async () => {
  const { code, stderr } = await withModule(
    `export default { ...${OPTIONS_OF_NOBODY}, drainDelayMs: 5_000 };`,
    (file) => run(['doctor', '--config', file]),
  );
  expect([code, stderr]).toEqual([1, '']);
});

it.each([
  [['--cookie', COOKIE], '--cookie is no option, did you mean --cookie-env?'],
  [[`--cookie=${COOKIE}`], '--cookie is no option, did you mean --cookie-env?'],
  [['--cookie-env', COOKIE], 'The environment variable that --cookie-env names is not set.'],
  [['--cookie-file', COOKIE], 'The file that --cookie-file names cannot be read (ENOENT).'],
])('the doctor repeats no cookie that was given where none is taken', async (args, said) => {
  const { code, stdout, stderr } = await run(['doctor', '--peers', '127.0.0.1:1', ...args]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(said);
  expect(stderr).not.toContain(COOKIE);
});

it('the doctor takes an address with a zone, and refuses a port wherever it stands', async () => {
  const scoped = await run(['doctor', '--peers', '[fe80::1%nowhere]:4370', '--json']);
  expect(JSON.parse(scoped.stdout)).toMatchObject({ discovery: [{ address: '[fe80::1%nowhere]:4370' }] });
  const { code, stderr } = await run(['doctor', '--srv', 'app.test', '--port', 'x', '--listen-port', '4370']);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--port must be a port from 1 to 65535, not 'x'")]);
});

const OPTIONS_OF_NOBODY = `{ cookie: ${JSON.stringify(COOKIE)}, discovery: { name: 'own', discover: async () => [] } }`;

async function withModule<T>(text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'rookery-doctor-'));
  const file = join(folder, 'options.mjs');
  writeFileSync(file, text);
  try {
    return await use(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Runs the command that the package installs. */
function run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, CLUSTER_COOKIE: COOKIE };
  return new Promise((resolve) => {
    execFile(join(PROJECT, 'node_modules/.bin/rookery'), args, { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}
