/** Worker processes of `node:cluster` share what they listen on, unless told otherwise: nodes do not. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { COOKIE, PROJECT } from './support/node-process.js';

let primary: ChildProcess | undefined;
const directory = mkdtempSync(join(tmpdir(), 'rookery-workers-'));

afterEach(async () => {
  if (primary?.connected === true) {
    const exited = once(primary, 'exit');
    primary.disconnect();
    await exited;
  }
  rmSync(directory, { recursive: true, force: true });
});

it('each worker of node:cluster has a port of its own, and they are members of each other', async () => {
  const program = join(process.cwd(), 'test/processes/support/cluster-workers.mjs');
  primary = fork(program, [PROJECT, join(directory, 'board'), COOKIE], { execArgv: [] });
  const [views] = (await once(primary, 'message')) as [{ name: string; port: number; members: string[] }[]];
  const names = views.map(({ name }) => name);
  expect(new Set(views.map(({ port }) => port)).size).toBe(views.length);
  for (const { name, members } of views) {
    expect([...members].sort()).toEqual(names.filter((other) => other !== name).sort());
  }
}, 30_000);
