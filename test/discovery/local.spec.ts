import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import type { FSWatcher } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DiscoverySelf, type DiscoveryStrategy, local, type PeerAddress } from 'rookery/discovery';
import { MAX_BOARD_FILES } from '../../libs/discovery/src/strategies/local/local-board.js';
import { type Machine, thisMachine } from '../../libs/discovery/src/strategies/local/local-directory.js';
import { localOn } from '../../libs/discovery/src/strategies/local/local.js';
import { patience, type StrategyContext, strategyContext } from 'rookery/testing';

let parent: string;
let directory: string;
const running: [DiscoveryStrategy, DiscoverySelf][] = [];

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'rookery-local-spec-'));
  directory = join(parent, 'meeting-point');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map(async ([strategy, self]) => strategy.withdraw?.(self)));
  await rm(parent, { recursive: true, force: true });
});

interface Node {
  readonly context: StrategyContext;
  readonly strategy: DiscoveryStrategy;
  announce(): Promise<void>;
  discover(): Promise<readonly PeerAddress[]>;
  withdraw(): Promise<void>;
}

let nextIncarnation = 0xa0;

async function startNode(self: Partial<DiscoverySelf> = {}, strategy = local({ directory })): Promise<Node> {
  const incarnation = (nextIncarnation++).toString(16).padStart(16, '0');
  const context = strategyContext({ incarnation, ...self });
  await strategy.start?.(context);
  running.push([strategy, context.self]);
  return {
    context,
    strategy,
    announce: async () => strategy.announce?.(context.self, patience()),
    discover: () => strategy.discover(patience()),
    withdraw: async () => strategy.withdraw?.(context.self),
  };
}

const listening = (port: number, host = '127.0.0.1'): Partial<DiscoverySelf> => ({ address: { host, port } });

/** The folder of cluster `test`, the only one there is. */
async function boardFolder(): Promise<string> {
  const folders = await readdir(directory);
  expect(folders).toEqual([expect.stringMatching(/^test-[0-9a-f]{12}$/)]);
  return join(directory, folders[0]!);
}

async function post(file: string, content: string): Promise<string> {
  const path = join(await boardFolder(), file);
  await writeFile(path, content);
  return path;
}

const announcement = (fields: object = {}): string =>
  JSON.stringify({ host: '127.0.0.1', port: 5000, pid: process.pid, name: 'other', ...fields });

/** The pid of a process that is no more. */
async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(child, 'exit');
  return child.pid!;
}

const machine = (changes: Partial<Machine>): Machine => ({ ...thisMachine(), ...changes });

describe('local()', () => {
  it('lets two processes find each other, and not themselves', async () => {
    const [one, two] = [await startNode(listening(4371)), await startNode(listening(4372))];
    expect(await one.discover()).toEqual([]);
    await one.announce();
    await two.announce();
    expect(await one.discover()).toEqual([{ host: '127.0.0.1', port: 4372 }]);
    expect(await two.discover()).toEqual([{ host: '127.0.0.1', port: 4371 }]);
  });

  it('tells how others reach a process that listens everywhere', async () => {
    const reader = await startNode();
    for (const [host, port] of [['0.0.0.0', 1] as const, ['::', 2] as const, ['::1', 3] as const]) {
      await (await startNode(listening(port, host))).announce();
    }
    await (await startNode(listening(4, '10.0.0.7'))).announce();
    expect(await reader.discover()).toEqual([
      { host: '10.0.0.7', port: 4 },
      { host: '127.0.0.1', port: 1 },
      { host: '127.0.0.1', port: 2 },
      { host: '::1', port: 3 },
    ]);
  });

  it('keeps clusters of other names apart', async () => {
    const [one, two] = [await startNode(), await startNode({ cluster: '../Test' })];
    await one.announce();
    await two.announce();
    expect(await one.discover()).toEqual([]);
    expect(await two.discover()).toEqual([]);
    expect((await readdir(directory)).length).toBe(2);
    expect(await readdir(parent)).toEqual(['meeting-point']);
  });

  it('writes who, where and since when into a file that only the user can read', async () => {
    const node = await startNode({ name: 'api-1', ...listening(4371, '0.0.0.0') });
    await node.announce();
    const path = join(await boardFolder(), `${node.context.self.incarnation}.json`);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      host: '127.0.0.1',
      port: 4371,
      pid: process.pid,
      name: 'api-1',
      startedAt: expect.any(Number),
    });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect(await readdir(await boardFolder())).toHaveLength(1);
  });

  it('announces again when the directory was cleared, and is then found and informed as before', async () => {
    const [one, two] = [await startNode(listening(4371)), await startNode(listening(4372))];
    await one.announce();
    await rm(directory, { recursive: true });
    expect(await two.discover()).toEqual([]);
    await one.announce();
    expect(await two.discover()).toEqual([{ host: '127.0.0.1', port: 4371 }]);
    const change = one.context.nextChange();
    await two.announce();
    await change;
    expect(await one.discover()).toEqual([{ host: '127.0.0.1', port: 4372 }]);
  });

  it('does not rewrite an announcement that stands', async () => {
    const node = await startNode();
    await node.announce();
    const path = join(await boardFolder(), `${node.context.self.incarnation}.json`);
    const before = await stat(path);
    await node.announce();
    expect((await stat(path)).ino).toBe(before.ino);
    expect((await stat(path)).mtimeMs).toBe(before.mtimeMs);
  });

  it('survives a poll that overlaps with the one before', async () => {
    const node = await startNode();
    await Promise.all([node.announce(), node.announce(), node.discover(), node.announce()]);
    expect(await readdir(await boardFolder())).toEqual([`${node.context.self.incarnation}.json`]);
  });

  it('removes its announcement when it leaves, and may start again', async () => {
    const [one, two] = [await startNode(listening(4371)), await startNode(listening(4372))];
    await one.announce();
    await two.announce();
    await one.withdraw();
    expect(await two.discover()).toEqual([]);
    await expect(one.discover()).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
    await startNode(listening(4373), one.strategy);
    expect(await one.discover()).toEqual([{ host: '127.0.0.1', port: 4372 }]);
  });

  it('leaves nothing behind when it leaves in the middle of announcing', async () => {
    const node = await startNode();
    const announcing = node.announce();
    await node.withdraw();
    await announcing;
    expect(await readdir(await boardFolder())).toEqual([]);
  });

  it('serves one node only', async () => {
    const { strategy } = await startNode();
    await expect(strategy.start?.(strategyContext())).rejects.toMatchObject({ code: 'DISCOVERY_IN_USE' });
  });

  it('must be started before it is asked', async () => {
    const strategy = local({ directory });
    await expect(strategy.discover(patience())).rejects.toMatchObject({ code: 'DISCOVERY_NOT_STARTED' });
    await strategy.withdraw?.(strategyContext().self);
  });

  it('rejects with the reason of an aborted signal', async () => {
    const { strategy, context } = await startNode();
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(strategy.discover(signal)).rejects.toThrow('too late');
    await expect(strategy.announce?.(context.self, signal)).rejects.toThrow('too late');
  });

  it('asks to be polled every second, and says that it finds processes of one user only', () => {
    expect(local()).toMatchObject({ name: 'local', pollIntervalMs: 1_000, scope: 'user' });
  });

  it('refuses misspelt options', () => {
    expect(() => local({ dir: '/tmp' } as never)).toThrow(/local\(\): dir is not an option/);
  });
});

describe('local() among what others left in the directory', () => {
  it('removes the announcement of a process that died, and keeps those of the living', async () => {
    const node = await startNode();
    const dead = await post('00000000000000d1.json', announcement({ pid: await deadPid() }));
    const living = await post('00000000000000d2.json', announcement());
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 5000 }]);
    await expect(stat(dead)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await stat(living)).isFile()).toBe(true);
  });

  it('notices that a process dies after its announcement was read', async () => {
    const alive = new Set([41, 42]);
    const isAlive = (pid: number): boolean => alive.has(pid);
    const node = await startNode({}, localOn(machine({ isAlive }), { directory }));
    await post('00000000000000d1.json', announcement({ pid: 41, port: 41 }));
    await post('00000000000000d2.json', announcement({ pid: 42, port: 42 }));
    expect(await node.discover()).toHaveLength(2);
    alive.delete(41);
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 42 }]);
    expect(await readdir(await boardFolder())).toEqual(['00000000000000d2.json']);
  });

  it.each([
    ['EPERM', true],
    ['ESRCH', false],
  ])('learns from %s whether a process is alive: %s', (code, isAlive) => {
    const kill = jest.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error(code), { code });
    });
    expect(thisMachine().isAlive(4711)).toBe(isAlive);
    expect(kill).toHaveBeenCalledWith(4711, 0);
    kill.mockRestore();
  });

  it('skips files that are no announcements, leaves them, and says so once', async () => {
    const node = await startNode();
    await post('garbage.json', '{"host":');
    await post('large.json', announcement({ name: 'x'.repeat(5_000) }));
    await post('list.json', '[]');
    await post('port.json', announcement({ port: 70_000 }));
    await post('pid.json', announcement({ pid: -1 }));
    await post('notes.txt', 'not even meant as one');
    await mkdir(join(await boardFolder(), 'folder.json'));
    await post('good.json', announcement({ surplus: true }));
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 5000 }]);
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 5000 }]);
    const warnings = node.context.logged.filter((line) => line.startsWith('warn'));
    expect(warnings.map((line) => /(\w+)\.json, which/.exec(line)?.[1]).sort()).toEqual([
      'garbage',
      'large',
      'list',
      'pid',
      'port',
    ]);
    expect(await readdir(await boardFolder())).toHaveLength(8);
  });

  it('reads a file again that was garbage before', async () => {
    const node = await startNode();
    await post('late.json', '');
    expect(await node.discover()).toEqual([]);
    await post('late.json', announcement());
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 5000 }]);
  });

  it('does not read an announcement twice: that of an incarnation never changes', async () => {
    const node = await startNode();
    await post('one.json', announcement());
    await node.discover();
    await post('one.json', 'garbage by now');
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 5000 }]);
  });

  it('clears away what a crash in the middle of writing left, and nothing of the living', async () => {
    const node = await startNode();
    await post(`.00000000000000d1.${await deadPid()}.tmp`, '{"ho');
    await post(`.00000000000000d2.${process.pid}.tmp`, '{"ho');
    expect(await node.discover()).toEqual([]);
    expect(await readdir(await boardFolder())).toEqual([`.00000000000000d2.${process.pid}.tmp`]);
  });

  it('looks at no more than 1000 files', async () => {
    const node = await startNode();
    const ports = Array.from({ length: MAX_BOARD_FILES + 5 }, (_, index) => 10_000 + index);
    await Promise.all(ports.map((port) => post(`${port}.json`, announcement({ port }))));
    expect(await node.discover()).toHaveLength(MAX_BOARD_FILES);
    expect(node.context.logged).toContainEqual(expect.stringMatching(/^warn: .* more than 1000 files/));
  });
});

describe('local() while it watches', () => {
  it('tells the loop when another process comes and when it leaves', async () => {
    const [watcher, other] = [await startNode(), await startNode(listening(4372))];
    await watcher.announce();
    const arrival = watcher.context.nextChange();
    await other.announce();
    await arrival;
    expect(await watcher.discover()).toEqual([{ host: '127.0.0.1', port: 4372 }]);
    const departure = watcher.context.nextChange();
    await other.withdraw();
    await departure;
    expect(await watcher.discover()).toEqual([]);
  });

  it('tells the loop when its own announcement is removed, so that it is announced again at once', async () => {
    const node = await startNode();
    await node.announce();
    const change = node.context.nextChange();
    await rm(join(await boardFolder(), `${node.context.self.incarnation}.json`));
    await change;
    await node.announce();
    expect(await readdir(await boardFolder())).toEqual([`${node.context.self.incarnation}.json`]);
  });

  it.each<[string, Partial<Machine>]>([
    [
      'cannot be watched',
      {
        watch() {
          throw new Error('ENOSPC: no more watchers');
        },
      },
    ],
    [
      'stops being watched',
      {
        watch() {
          const watcher = new EventEmitter() as FSWatcher;
          watcher.close = () => undefined;
          process.nextTick(() => watcher.emit('error', new Error('ENOSPC: no more watchers')));
          return watcher;
        },
      },
    ],
  ])('goes on without watching where the directory %s', async (_case, changes) => {
    const node = await startNode({}, localOn(machine(changes), { directory }));
    await node.context.nextLog('ENOSPC');
    const other = await startNode(listening(4372));
    await other.announce();
    await node.announce();
    expect(await node.discover()).toEqual([{ host: '127.0.0.1', port: 4372 }]);
    expect(node.context.logged).toContainEqual(expect.stringMatching(/^warn: Cannot watch .*ENOSPC/));
  });
});

describe('local() in a directory it cannot trust', () => {
  const start = (changes: Partial<Machine> = {}): unknown => startNode({}, localOn(machine(changes), { directory }));

  it('refuses one that belongs to somebody else', async () => {
    await mkdir(directory, { mode: 0o700 });
    const uid = process.getuid!() + 1;
    await expect(start({ uid })).rejects.toMatchObject({
      code: 'DISCOVERY_DIRECTORY_UNSAFE',
      message: expect.stringContaining(`belongs to user ${uid - 1}, while this process runs as user ${uid}`),
    });
  });

  it.each(['777', '720', '702'])('refuses one that others can write into (mode %s)', async (mode) => {
    await mkdir(directory);
    await chmod(directory, mode);
    await expect(start()).rejects.toMatchObject({ code: 'DISCOVERY_DIRECTORY_UNSAFE' });
  });

  it('refuses a symbolic link and a file in its place', async () => {
    await symlink(parent, directory);
    await expect(start()).rejects.toMatchObject({ code: 'DISCOVERY_DIRECTORY_UNSAFE' });
    await rm(directory);
    await writeFile(directory, '');
    await expect(start()).rejects.toMatchObject({ code: 'DISCOVERY_DIRECTORY_UNSAFE' });
  });

  it('says so when the directory cannot be made', async () => {
    await writeFile(join(parent, 'file'), '');
    const strategy = local({ directory: join(parent, 'file', 'below') });
    await expect(strategy.start?.(strategyContext())).rejects.toMatchObject({
      code: 'DISCOVERY_DIRECTORY_UNUSABLE',
      cause: { code: 'ENOTDIR' },
    });
  });

  it('stops announcing when the directory is opened to others, and goes on when that is mended', async () => {
    const node = await startNode();
    await chmod(directory, 0o777);
    await expect(node.announce()).rejects.toMatchObject({ code: 'DISCOVERY_DIRECTORY_UNSAFE' });
    await chmod(directory, 0o700);
    await node.announce();
    expect(await readdir(await boardFolder())).toHaveLength(1);
  });

  it('starts by itself at a later poll when only the directory stood in the way', async () => {
    await mkdir(directory);
    await chmod(directory, 0o777);
    const strategy = local({ directory });
    const context = strategyContext();
    await expect(strategy.start?.(context)).rejects.toMatchObject({ code: 'DISCOVERY_DIRECTORY_UNSAFE' });
    running.push([strategy, context.self]);
    await chmod(directory, 0o700);
    await strategy.announce?.(context.self, patience());
    expect(await strategy.discover(patience())).toEqual([]);
    expect(await readdir(await boardFolder())).toEqual([`${context.self.incarnation}.json`]);
  });
});

describe('local() without a directory', () => {
  const startOn = async (changes: Partial<Machine>): Promise<void> => {
    const strategy = localOn(machine({ temporaryDirectory: parent, runtimeDirectory: undefined, ...changes }), {});
    await (await startNode({}, strategy)).announce();
  };
  const uid = process.getuid!();

  it('uses the runtime directory of the user', async () => {
    const runtimeDirectory = join(parent, 'run');
    await mkdir(runtimeDirectory, { mode: 0o700 });
    await startOn({ runtimeDirectory });
    expect(await readdir(join(runtimeDirectory, 'rookery'))).toHaveLength(1);
  });

  it('uses one for temporary files, with the user in its name, when there is none', async () => {
    await startOn({});
    expect(await readdir(parent)).toEqual([`rookery-${uid}`]);
  });

  it.each([
    ['is missing', async (path: string) => path],
    ['is open to others', async (path: string) => (await mkdir(path), await chmod(path, 0o777), path)],
    ['is not absolute', async () => 'run'],
  ])('passes over a runtime directory that %s', async (_why, make) => {
    await startOn({ runtimeDirectory: await make(join(parent, 'run')) });
    expect(await readdir(parent)).toContain(`rookery-${uid}`);
  });
});
