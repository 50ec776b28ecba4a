import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { type FSWatcher, mkdirSync, rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiscoveryStrategy, file, type FileOptions, type PeerAddress } from 'rookery/discovery';
import { patience, type StrategyContext, strategyContext } from 'rookery/testing';
import { MAX_FILE_BYTES } from '../../libs/discovery/src/strategies/file/file-read.js';
import { fileOn } from '../../libs/discovery/src/strategies/file/file.js';

let folder: string;
let path: string;
const running: [DiscoveryStrategy, StrategyContext][] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rookery-file-spec-'));
  path = join(folder, 'peers.json');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(async ([strategy, { self }]) => strategy.withdraw?.(self)));
  await rm(folder, { recursive: true, force: true });
});

async function start(strategy: DiscoveryStrategy): Promise<StrategyContext> {
  const context = strategyContext();
  running.push([strategy, context]);
  await strategy.start?.(context);
  return context;
}

const ask = async (strategy: DiscoveryStrategy): Promise<string[]> =>
  (await strategy.discover(patience())).map(({ host, port }: PeerAddress) => `${host}:${port}`);

/** As templates do it: written beside the file, then moved to its place. */
async function replace(text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
}

/** A user who owns nothing. */
const NOBODY = 65_534;

describe('file()', () => {
  it.each([
    [{}, ['path is missing, give a path']],
    [
      { path: '', pollInterval: 5, port: 0 },
      ['pollInterval is not an option, did you mean pollIntervalMs?', 'path', 'port'],
    ],
    [{ path: 'a', format: 'yaml' }, ["format must be 'json' or 'hosts', got 'yaml'"]],
    [{ path: 'a', format: 'hosts' }, ['port is missing, a hosts file names none']],
  ])('refuses %j', (options, problems) => {
    expect(() => file(options as FileOptions)).toThrow(
      expect.objectContaining({
        code: 'DISCOVERY_INVALID_OPTIONS',
        problems: problems.map((problem) => expect.stringContaining(problem) as unknown),
      }),
    );
  });

  it('reads a relative path, without being started', async () => {
    await replace('["10.0.3.7:4370"]');
    const strategy = file({ path: join('..', '..', '..', '..', '..', '..', '..', '..', path) });
    expect(await ask(strategy)).toEqual(['10.0.3.7:4370']);
    await strategy.withdraw?.(strategyContext().self);
  });

  it('hears of a file that comes, that is written again, and that is replaced', async () => {
    const strategy = file({ path, pollIntervalMs: 3_600_000 });
    const context = await start(strategy);
    await expect(ask(strategy)).rejects.toMatchObject({
      code: 'DISCOVERY_FILE_UNREADABLE',
      message: expect.stringMatching(/peers\.json, the list of peers, does not exist \(yet\).*correct the path/),
    });
    for (const [host, write] of [
      ['10.0.0.1', (text: string) => writeFile(path, text)],
      ['10.0.0.2', (text: string) => writeFile(path, text)],
      ['10.0.0.3', replace],
      ['10.0.0.4', replace],
    ] as const) {
      const changed = context.nextChange();
      await write(`["${host}:4370"]`);
      await changed;
      expect(await ask(strategy)).toEqual([`${host}:4370`]);
    }
    expect(context.logged).toEqual([]);
  });

  it('hears of the link that a ConfigMap swaps', async () => {
    for (const version of ['..1', '..2']) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, 'peers.json'), `["10.0.0.${version.slice(2)}:4370"]`);
    }
    await symlink('..1', join(folder, '..data'));
    await symlink(join('..data', 'peers.json'), path);
    const strategy = file({ path });
    const context = await start(strategy);
    expect(await ask(strategy)).toEqual(['10.0.0.1:4370']);
    const changed = context.nextChange();
    await symlink('..2', join(folder, '..data_tmp'));
    await rename(join(folder, '..data_tmp'), join(folder, '..data'));
    await changed;
    expect(await ask(strategy)).toEqual(['10.0.0.2:4370']);
  });

  it('watches a directory that is made later, and one that takes the place of another', async () => {
    const inner = join(folder, 'inner');
    path = join(inner, 'peers.json');
    const strategy = file({ path });
    const context = await start(strategy);
    for (const host of ['10.0.0.1', '10.0.0.2']) {
      await mkdir(inner);
      await expect(ask(strategy)).rejects.toMatchObject({ code: 'DISCOVERY_FILE_UNREADABLE' });
      const changed = context.nextChange();
      await replace(`["${host}:4370"]`);
      await changed;
      expect(await ask(strategy)).toEqual([`${host}:4370`]);
      await rename(inner, `${inner}-${host}`);
    }
    expect(context.logged).toEqual([]);
  });

  it('watches a directory that was removed and made again between two polls, be it under the same number', async () => {
    path = join(folder, 'inner', 'peers.json');
    await mkdir(join(folder, 'inner'));
    await replace('["10.0.0.1:4370"]');
    const strategy = file({ path, pollIntervalMs: 3_600_000 });
    const context = await start(strategy);
    for (const host of ['10.0.0.2', '10.0.0.3']) {
      const removed = context.nextChange();
      rmSync(join(folder, 'inner'), { recursive: true });
      mkdirSync(join(folder, 'inner')); // Before anybody hears of it.
      await removed;
      await ask(strategy).catch(() => undefined); // As the loop does it when it is told.
      const changed = context.nextChange();
      await replace(`["${host}:4370"]`);
      await changed;
      expect(await ask(strategy)).toEqual([`${host}:4370`]);
    }
    expect(context.logged).toEqual([]);
  });

  it('is not disturbed by other files of the directory', async () => {
    let onEvent: ((name: string | null) => void) | undefined;
    const strategy = fileOn(
      (_folder, listener) => {
        onEvent = listener;
        return Object.assign(new EventEmitter(), { close: () => undefined }) as unknown as FSWatcher;
      },
      { path },
    );
    const context = await start(strategy);
    onEvent!('another.json');
    onEvent!('peers.json.tmp');
    const changed = context.nextChange();
    for (let i = 0; i < 100; i++) onEvent!('peers.json');
    onEvent!(null);
    await changed;
    expect(context.changes).toBe(1);
  });

  it('says once that it cannot watch, reads all the same, and tries again at the next poll', async () => {
    await replace('[]');
    let isBroken = true;
    const watcher = Object.assign(new EventEmitter(), { close: () => undefined }) as unknown as FSWatcher;
    const strategy = fileOn(
      () => {
        if (isBroken) throw new Error('ENOSPC: the system limit for number of file watchers is reached');
        return watcher;
      },
      { path },
    );
    const context = await start(strategy);
    expect(await ask(strategy)).toEqual([]);
    expect(await ask(strategy)).toEqual([]);
    expect(context.logged).toEqual([
      `warn: Cannot watch ${path}; its changes are noticed at the next poll: ENOSPC: the system limit for number of file watchers is reached`,
    ]);
    isBroken = false;
    await ask(strategy);
    watcher.emit('error', new Error('the volume is gone'));
    expect(context.logged).toHaveLength(2);
    expect(await ask(strategy)).toEqual([]);
  });

  it('rejects a file with mistakes, and names them', async () => {
    await replace('[\n  "10.0.3.7:4370",\n  { "host": "b" }\n]');
    await expect(ask(file({ path }))).rejects.toMatchObject({
      code: 'DISCOVERY_FILE_INVALID',
      message: expect.stringMatching(/peers\.json is no list of peers: line 3: port is missing.*Mend the file/),
    });
  });

  it.each([
    ['a directory', () => mkdir(path), /is a directory|is not a regular file/],
    ['a pipe', () => Promise.resolve(void execFileSync('mkfifo', [path])), /is not a regular file/],
    ['what is too large', () => writeFile(path, ' '.repeat(MAX_FILE_BYTES + 1)), /is larger than 1048576 bytes/],
    ['a link in a circle', () => symlink('peers.json', path), /cannot be read: ELOOP/],
  ] as const)('does not read %s', async (_what, make, problem) => {
    await make();
    await expect(ask(file({ path }))).rejects.toMatchObject({
      code: 'DISCOVERY_FILE_UNREADABLE',
      message: expect.stringMatching(problem),
    });
  });

  it('says so when it may not read the file', async () => {
    await replace('[]');
    await chmod(path, 0);
    // Nothing is forbidden to root, who becomes nobody for as long as it asks.
    const isRoot = process.getuid?.() === 0;
    if (isRoot) process.seteuid!(NOBODY);
    try {
      await expect(ask(file({ path }))).rejects.toThrow('may not be read by this user: correct its owner or mode');
    } finally {
      if (isRoot) process.seteuid!(0);
    }
  });

  it('explains an empty list, and nothing else', async () => {
    await replace('{ "peers": [] }');
    const strategy = file({ path });
    await ask(strategy);
    expect(strategy.explain?.()).toContain('peers.json lists nobody. If that is not meant');
    await replace('["a:1"]');
    await ask(strategy);
    expect(strategy.explain?.()).toBeUndefined();
  });

  it('serves one node', async () => {
    const strategy = file({ path });
    await start(strategy);
    await expect(strategy.start?.(strategyContext())).rejects.toMatchObject({ code: 'DISCOVERY_IN_USE' });
  });
});
