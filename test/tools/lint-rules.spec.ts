/** The lint rules of this repository, as `eslint.config.mjs` switches them on: what each refuses, and what it lets pass. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Linter } from 'eslint';
import tseslint from 'typescript-eslint';

const root = process.cwd();
const linter = new Linter({ cwd: root });
let config: Linter.Config[];
let rules: string[];

beforeAll(async () => {
  const load = async (path: string): Promise<unknown> =>
    ((await import(join(root, path))) as { default: unknown }).default;
  const plugin = (await load('tools/eslint/index.mjs')) as { rules: object };
  rules = Object.keys(plugin.rules);
  config = [
    ...((await load('eslint.config.mjs')) as Linter.Config[]),
    // The files are made up: no program has them, and nothing is found from there.
    { files: ['**/*.ts'], ...(tseslint.configs.disableTypeChecked as Linter.Config) },
    { files: ['{libs,apps}/**/*.ts'], rules: { 'import-x/no-cycle': 'off' } },
  ];
}, 60_000);

/** What the rules of this repository say about a file, as `rule: message`. */
function complaints(file: string, code: string): string[] {
  const messages = linter.verify(code, config, { filename: join(root, file) });
  const failures = messages.filter(({ fatal }) => fatal);
  if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n'));
  return messages.flatMap(({ ruleId, message }) =>
    ruleId?.startsWith('rookery/') ? [`${ruleId.slice('rookery/'.length)}: ${message}`] : [],
  );
}

type Case = readonly [file: string, code: string];
type Refusal = readonly [file: string, code: string, word: string];

const refused = new Set<string>();
const passed = new Set<string>();

function refuses(rule: string, cases: readonly Refusal[]): void {
  refused.add(rule);
  it.each(cases)('refuses in %s: %s', (file, code, word) => {
    expect(complaints(file, code)).toEqual([expect.stringMatching(new RegExp(`^${rule}: .*${word}`))]);
  });
}

function lets(rule: string, cases: readonly Case[]): void {
  passed.add(rule);
  it.each(cases)('lets pass in %s: %s', (file, code) => {
    expect(complaints(file, code)).toEqual([]);
  });
}

describe('layers', () => {
  refuses('layers', [
    // Upwards, and beside.
    ['libs/mesh/src/made-up.ts', "import { PubSub } from '@rookery/pubsub';", 'must not import libs/pubsub: arrows'],
    [
      'libs/mesh/src/made-up.ts',
      "import type { PubSub } from '@rookery/pubsub';",
      'must not import libs/pubsub: arrows',
    ],
    ['libs/mesh/src/made-up.ts', "export * from '@rookery/pubsub';", 'must not import libs/pubsub: arrows'],
    [
      'libs/mesh/src/made-up.ts',
      "export const all = import('@rookery/pubsub');",
      'must not import libs/pubsub: arrows',
    ],
    [
      'libs/mesh/src/made-up.ts',
      "export let it: import('@rookery/pubsub').PubSub;",
      'must not import libs/pubsub: arrows',
    ],
    [
      'libs/runtime/src/made-up.ts',
      "import { local } from 'rookery/discovery';",
      'must not import libs/discovery: arrows',
    ],
    [
      'libs/feature-flags/src/made-up.ts',
      "import { DashboardModule } from 'rookery/dashboard';",
      'libs/dashboard: arrows',
    ],
    ['libs/unheard-of/src/made-up.ts', "import { Mesh } from '@rookery/mesh';", 'in no layer yet'],
    // The own face.
    ['libs/mesh/src/made-up.ts', "import { Mesh } from '@rookery/mesh';", 'not the face of the lib'],
    ['libs/mesh/src/link/made-up.ts', "import { Mesh } from '../index.js';", 'not the face of the lib'],
    // Inside of another lib, and out of the libs.
    ['libs/pubsub/src/made-up.ts', "import { Mesh } from '../../mesh/src/mesh.js';", 'a path inside libs/mesh'],
    ['libs/pubsub/src/made-up.ts', "import { Mesh } from '../../mesh/src/index.js';", 'a path inside libs/mesh'],
    ['libs/pubsub/src/made-up.ts', "import { Mesh } from '@rookery/mesh/mesh.js';", 'no face of any lib'],
    [
      'libs/pubsub/src/made-up.ts',
      "import { start } from '../../../test/cluster/app.js';",
      'neither a lib nor a package',
    ],
    ['apps/api/src/made-up.ts', "import { Mesh } from '../../../libs/mesh/src/mesh.js';", 'a path inside libs/mesh'],
    [
      'apps/api/src/made-up.ts',
      "import { readConfig } from '../../landing/src/config.js';",
      'must not import a file of apps/landing',
    ],
    // Packages.
    ['libs/mesh/src/made-up.ts', "import { Injectable } from '@nestjs/common';", 'only cluster, .* know Nest'],
    ['libs/discovery/src/made-up.ts', "import { Injectable } from '@nestjs/common';", 'only cluster, .* know Nest'],
    ['libs/node/src/made-up.ts', "import { Subject } from 'rxjs';", 'without any installed package'],
    ['libs/cluster/src/made-up.ts', "import express from 'express';", 'none of its peer dependencies'],
    [
      'libs/cluster/src/made-up.ts',
      "import type { DataSource } from 'typeorm';",
      'Only libs/cluster/src/typeorm/index.ts',
    ],
    [
      'libs/cluster/src/made-up.ts',
      "import { context } from '@opentelemetry/api';",
      'Only libs/cluster/src/opentelemetry/index.ts',
    ],
    ['libs/cluster/src/made-up.ts', "import { Redis } from 'ioredis';", 'Only libs/redis/src/index.ts'],
    ['libs/discovery/src/made-up.ts', "export const all = import('ioredis');", 'without any installed package'],
    ['libs/redis/src/made-up.ts', "import { Redis } from 'redis';", 'without any installed package'],
    ['libs/mesh/src/made-up.ts', "import { redis } from 'rookery/redis';", 'must not import libs/redis: arrows'],
    [
      'libs/cluster/src/made-up.ts',
      "import { Module } from '@nestjs/core/injector/module.js';",
      'inside of a package of Nest',
    ],
  ]);
  lets('layers', [
    ['libs/pubsub/src/made-up.ts', "import { Mesh } from '@rookery/mesh';"],
    ['libs/mesh/src/made-up.ts', "import { local } from 'rookery/discovery';"],
    ['libs/redis/src/made-up.ts', "import type { Redis } from 'ioredis';"],
    ['libs/redis/src/made-up.ts', "import { DiscoveryError } from 'rookery/discovery';"],
    ['libs/mesh/src/made-up.ts', "import { Link } from './link/link.js';"],
    ['libs/mesh/src/made-up.ts', "import { connect } from 'node:tls';"],
    ['libs/mesh/src/made-up.spec.ts', "import { Mesh } from '@rookery/mesh';"],
    ['libs/cluster/src/made-up.ts', "import { Injectable } from '@nestjs/common';"],
    ['libs/cluster/src/typeorm/made-up.ts', "import type { DataSource } from 'typeorm';"],
    ['libs/cluster/src/opentelemetry/made-up.ts', "import { context } from '@opentelemetry/api';"],
    ['libs/feature-flags/src/made-up.ts', "import type { DataSource } from 'typeorm';"],
    ['apps/api/src/made-up.ts', "import { Mesh } from 'rookery/mesh';"],
    ['test/cluster/made-up.ts', "import { Mesh } from '../../libs/mesh/src/mesh.js';"],
  ]);
});

describe('time-and-chance', () => {
  refuses('time-and-chance', [
    ['libs/mesh/src/made-up.ts', 'export const at = Date.now();', 'Date.now: Take a Clock'],
    ['libs/mesh/src/made-up.ts', 'export const at = new Date();', 'Date: Take a Clock'],
    ['libs/mesh/src/made-up.ts', 'export const at = globalThis.Date.now();', 'Date.now: Take a Clock'],
    ['libs/mesh/src/made-up.ts', 'export const at = performance.now();', 'performance.now: Take a Clock'],
    ['libs/cluster/src/made-up.ts', 'setTimeout(() => 1, 1);', 'setTimeout: Take a Clock'],
    ['libs/cluster/src/made-up.ts', 'const later = setInterval; later(() => 1, 1);', 'setInterval: Take a Clock'],
    [
      'libs/node/src/made-up.ts',
      "import { setTimeout as wait } from 'node:timers/promises'; await wait(1);",
      'timers/promises.setTimeout',
    ],
    ['libs/node/src/made-up.ts', 'process.nextTick(() => 1);', 'process.nextTick: Take a Clock'],
    ['libs/dashboard/src/made-up.ts', 'export const chance = Math.random();', 'Math.random: Take a Random'],
    [
      'libs/mesh/src/made-up.ts',
      "import { randomBytes } from 'node:crypto'; randomBytes(8);",
      'crypto.randomBytes: Take a Random',
    ],
    [
      'libs/mesh/src/made-up.ts',
      "import * as chance from 'crypto'; chance.randomBytes(8);",
      'crypto.randomBytes: Take a Random',
    ],
    ['libs/mesh/src/made-up.ts', 'export const id = crypto.randomUUID();', 'crypto.randomUUID: Take a Random'],
    ['apps/api/src/made-up.ts', 'setTimeout(() => 1, 1);', 'setTimeout: Take a Clock'],
    ['apps/api/src/made-up.ts', 'export const chance = Math.random();', 'Math.random: Take a Random'],
  ]);
  lets('time-and-chance', [
    ['libs/runtime/src/made-up.ts', 'setTimeout(() => 1, Date.now() * Math.random());'],
    ['libs/mesh/src/made-up.spec.ts', 'setTimeout(() => 1, Date.now() * Math.random());'],
    ['libs/mesh/src/made-up.ts', 'export const at = (clock: { now(): number }) => new Date(clock.now());'],
    ['libs/mesh/src/made-up.ts', 'export let timer: ReturnType<typeof setTimeout>;'],
    ['libs/mesh/src/made-up.ts', 'export const wait = (setTimeout: (ms: number) => void) => setTimeout(1);'],
    ['libs/mesh/src/made-up.ts', "import { createHash } from 'node:crypto'; createHash('sha256');"],
    ['apps/api/src/made-up.ts', 'export const at = Date.now();'],
    ['test/integration/made-up.ts', 'setTimeout(() => 1, Date.now() * Math.random());'],
  ]);
});

describe('environment', () => {
  refuses('environment', [
    ['libs/mesh/src/made-up.ts', "export const cookie = process.env['COOKIE'];", 'apps/\\*/src/config.ts only'],
    ['libs/cluster/src/made-up.ts', 'export const { env } = process;', 'apps/\\*/src/config.ts only'],
    [
      'libs/cluster/src/made-up.ts',
      "import { env } from 'node:process'; export const { COOKIE } = env;",
      'config.ts only',
    ],
    ['apps/api/src/main.ts', 'export const port = process.env.PORT;', 'apps/\\*/src/config.ts only'],
    ['apps/api/src/flags/config.ts', 'export const port = process.env.PORT;', 'apps/\\*/src/config.ts only'],
  ]);
  lets('environment', [
    ['apps/api/src/config.ts', 'export const port = process.env.PORT;'],
    ['libs/mesh/src/made-up.ts', 'export const id = process.pid;'],
    ['libs/mesh/src/made-up.spec.ts', 'export const home = process.env.HOME;'],
    ['test/cluster/made-up.ts', 'export const home = process.env.HOME;'],
    ['tools/made-up.mjs', 'export const home = process.env.HOME;'],
  ]);
});

describe('no-silent-catch', () => {
  refuses('no-silent-catch', [
    ['libs/mesh/src/made-up.ts', 'export const run = (work: () => void) => { try { work(); } catch {} };', 'swallows'],
    ['tools/made-up.mjs', 'try { process.chdir("/"); } catch (error) {}', 'swallows'],
    ['apps/api/src/made-up.ts', 'export const run = (work: Promise<void>) => work.catch(() => {});', 'swallows'],
    ['test/cluster/made-up.ts', 'export const run = (work: Promise<void>) => work.catch(() => undefined);', 'swallows'],
  ]);
  lets('no-silent-catch', [
    [
      'libs/mesh/src/made-up.ts',
      'export const run = (work: () => void) => { try { work(); } catch { /* gone already */ } };',
    ],
    [
      'libs/mesh/src/made-up.ts',
      'export const run = (work: () => void) => { try { work(); } catch (error) { throw wrap(error); } };',
    ],
    [
      'libs/mesh/src/made-up.ts',
      '// Whoever began it has been told.\nexport const run = (work: Promise<void>) => work.catch(() => {});',
    ],
    ['libs/mesh/src/made-up.ts', 'export const run = (work: Promise<void>) => work.catch(() => 1);'],
  ]);
});

describe('verified-tls', () => {
  refuses('verified-tls', [
    ['libs/mesh/src/made-up.ts', 'connect({ port: 1, rejectUnauthorized: false });', 'rejectUnauthorized: true'],
    ['libs/mesh/src/made-up.ts', "connect({ port: 1, 'rejectUnauthorized': strict });", 'rejectUnauthorized: true'],
    ['test/integration/made-up.ts', 'options.rejectUnauthorized = false;', 'rejectUnauthorized: true'],
    [
      'tools/made-up.mjs',
      "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';",
      'switches the checks of the whole process off',
    ],
  ]);
  lets('verified-tls', [
    ['libs/mesh/src/made-up.ts', 'connect({ port: 1, rejectUnauthorized: true });'],
    ['libs/mesh/src/made-up.ts', 'connect({ port: 1 });'],
  ]);
});

it('has cases of both kinds for every rule', () => {
  expect([...refused].sort()).toEqual([...rules].sort());
  expect([...passed].sort()).toEqual([...rules].sort());
});
