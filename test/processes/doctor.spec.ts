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

/** Runs the command that the package installs. */
function run(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const env = { ...process.env, CLUSTER_COOKIE: COOKIE };
  return new Promise((resolve) => {
    execFile(join(PROJECT, 'node_modules/.bin/rookery'), args, { env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}
