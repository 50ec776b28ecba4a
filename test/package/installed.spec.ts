/** The package as users get it: packed, installed by npm in an empty project, imported, compiled against, and run. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Project } from './support/project.js';

const PEERS = [
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@opentelemetry/api',
  'reflect-metadata',
  'rxjs',
  'typeorm',
];
const WITHOUT_NEST = ['rookery/mesh', 'rookery/discovery', 'rookery/redis', 'rookery/testing'];

let bare: Project;
let full: Project;
let subpaths: string[];

beforeAll(() => {
  bare = Project.create('@types/node', 'undici-types');
  full = Project.create('@types/node', 'undici-types', ...PEERS);
  const manifest = JSON.parse(readFileSync(join(bare.folder, 'node_modules/rookery/package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  subpaths = Object.keys(manifest.exports)
    .filter((path) => path !== './package.json')
    .map((path) => path.replace(/^\./, 'rookery'));
}, 60_000);

afterAll(() => {
  bare.remove();
  full.remove();
});

describe('the installed package', () => {
  it('brings no other package, no source and no test', () => {
    expect(readdirSync(join(bare.folder, 'node_modules')).sort()).toEqual(
      ['.bin', '.package-lock.json', '@types', 'rookery', 'undici-types'].sort(),
    );
    const files = readdirSync(join(bare.folder, 'node_modules/rookery'), { recursive: true }) as string[];
    expect(files.filter((file) => /\.spec\.|\.map$|(?<!\.d)\.ts$|tsconfig/.test(file))).toEqual([]);
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'package.json']));
  });

  it('has the faces that the sources have', () => {
    expect(subpaths.sort()).toEqual(
      [
        'rookery',
        'rookery/dashboard',
        'rookery/discovery',
        'rookery/mesh',
        'rookery/opentelemetry',
        'rookery/redis',
        'rookery/testing',
        'rookery/typeorm',
      ].sort(),
    );
  });

  it('can be imported at every subpath, and required with the same exports', async () => {
    full.add('keys.mjs', 'keys.cjs');
    const imported = await full.node('keys.mjs', ...subpaths);
    expect(imported.stderr).toBe('');
    const exported = JSON.parse(imported.stdout) as Record<string, string[]>;
    for (const subpath of subpaths) expect(exported[subpath]).not.toEqual([]);
    expect(exported['rookery']).toEqual(
      expect.arrayContaining(['Cluster', 'ClusterModule', 'OnClusterEvent', 'local']),
    );

    const required = await full.node('keys.cjs', ...subpaths);
    expect(JSON.parse(required.stdout)).toEqual(exported);
  });

  it('needs no other package for the mesh and for discovery', async () => {
    bare.add('keys.mjs', 'keys.cjs');
    for (const script of ['keys.mjs', 'keys.cjs']) {
      const { code, stdout } = await bare.node(script, ...WITHOUT_NEST);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ 'rookery/mesh': expect.arrayContaining(['createMesh']) });
    }
  });

  it('has types that a program without Nest can be compiled against', async () => {
    bare.add('bare.ts');
    expect(await bare.compile('bare.ts')).toBe('');
  }, 60_000);

  it.each([
    ['an ES module', 'app.ts', 'app.js'],
    ['a CommonJS module', 'app.cts', 'app.cjs'],
  ])(
    'has types that an application on Nest can be compiled against as %s, and runs in it',
    async (_kind, source, program) => {
      full.add(source);
      expect(await full.compile(source)).toBe('');
      const { stdout, stderr } = await full.node('--no-warnings', program);
      expect(stderr).toBe('');
      expect(stdout).toBe('heard checkout true app at app, function\n');
    },
    60_000,
  );

  it('links two processes, and takes an event from one to the other', async () => {
    bare.add('peer.mjs');
    const processes: ChildProcess[] = [];
    const start = async (name: string, port: number): Promise<{ process: ChildProcess; port: number }> => {
      const process = fork(join(bare.folder, 'peer.mjs'), [name, String(port)], { cwd: bare.folder });
      processes.push(process);
      const [ready] = (await once(process, 'message')) as [{ port: number }];
      return { process, port: ready.port };
    };
    try {
      const first = await start('first', 0);
      const second = await start('second', first.port);
      const heard = once(second.process, 'message');
      first.process.send({ text: 'hello', at: 7 });
      expect(await heard).toEqual([{ heard: { text: 'hello', at: 7 }, from: 'first' }, undefined]);
      const ends = processes.map((process) => once(process, 'exit'));
      for (const process of processes) process.kill('SIGTERM');
      expect(await Promise.all(ends)).toEqual([
        [0, null],
        [0, null],
      ]);
    } finally {
      for (const process of processes) process.kill('SIGKILL');
    }
  }, 30_000);
});
