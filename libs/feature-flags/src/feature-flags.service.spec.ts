import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeCluster, member } from '../test/fake-cluster.js';
import { ManualClock, settle } from '@rookery/testing';
import { resolveFeatureFlagsOptions, type WhenStale } from './feature-flags.options.js';
import { FeatureFlagsService } from './feature-flags.service.js';
import type { FlagRecord } from './flag.js';
import type { FlagStore } from './flag-store.js';

function record(key: string, version: number, enabled = true): FlagRecord {
  return { key, version, enabled, description: '', deleted: false, updatedAt: '2030-01-01T00:00:00.000Z' };
}

class Setting {
  readonly clock = new ManualClock();
  readonly cluster = new FakeCluster();
  /** What the database answers. */
  all: () => Promise<FlagRecord[]> = () => Promise.resolve([]);
  /** Keys that were read one by one, and what the database answers. */
  readonly asked: string[] = [];
  one: (key: string) => Promise<FlagRecord | undefined> = () => Promise.resolve(undefined);
  readonly flags: FeatureFlagsService;

  constructor(whenStale?: WhenStale) {
    this.flags = new FeatureFlagsService(
      this.cluster.asCluster,
      {
        all: () => this.all(),
        one: (key: string) => {
          this.asked.push(key);
          return this.one(key);
        },
      } as FlagStore,
      resolveFeatureFlagsOptions({
        readOnly: true,
        whenStale,
        clock: this.clock,
        random: { next: () => 0.5, bytes: () => Buffer.alloc(0) },
      }),
    );
  }

  /** Loaded with these rows, and then in doubt: a peer fell silent. */
  static async stale(whenStale: WhenStale, ...rows: FlagRecord[]): Promise<Setting> {
    const setting = new Setting(whenStale);
    setting.all = () => Promise.resolve(rows);
    await setting.flags.onModuleInit();
    setting.cluster.state = SILENT;
    return setting;
  }
}

const SILENT = { fresh: false, reasons: ['unproven-peer: api-1 is silent'] };
const FRESH = { fresh: true, reasons: [] };

const gap = { from: member('api-1'), reason: 'origin-lost', missed: undefined } as const;

beforeAll(() => Logger.overrideLogger(false)); // its warnings are expected here

describe('FeatureFlagsService', () => {
  it('loads everything at start and is then as good as the database', async () => {
    const setting = new Setting();
    setting.all = () => Promise.resolve([record('a', 1), record('b', 2, false)]);
    expect(setting.flags.status()).toMatchObject({ loadedAt: null });
    await setting.flags.onModuleInit();
    expect(setting.flags.isEnabled('a')).toBe(true);
    expect(setting.flags.isEnabled('b')).toBe(false);
    expect(setting.flags.status()).toEqual({ stale: false, reasons: [], loadedAt: '2030-01-01T00:00:00.000Z' });
  });

  it('tries again, and answers a read, even if the logger of the application throws', async () => {
    const fail = (): never => {
      throw new Error('disk full');
    };
    const [setting, quiet] = [new Setting('bypass'), jest.spyOn(process.stderr, 'write').mockReturnValue(true)];
    const loads: number[] = [];
    setting.all = () => (loads.push(0), Promise.reject(new Error('no database')));
    setting.one = () => Promise.reject(new Error('no database'));
    Logger.overrideLogger({ log: fail, error: fail, warn: fail });
    try {
      await setting.flags.onModuleInit();
      await setting.clock.advance(60_000);
      expect(loads.length).toBeGreaterThan(3);
      expect(await setting.flags.read('a', true)).toMatchObject({ enabled: true, stale: true });
    } finally {
      Logger.overrideLogger(false);
      quiet.mockRestore();
    }
  });

  it('takes the fallback for a flag that does not exist, never for one that is off', async () => {
    const setting = new Setting();
    setting.all = () => Promise.resolve([record('off', 1, false)]);
    await setting.flags.onModuleInit();
    expect(setting.flags.isEnabled('none')).toBe(false);
    expect(setting.flags.isEnabled('none', true)).toBe(true);
    expect(setting.flags.isEnabled('off', true)).toBe(false);
  });

  it('keeps an event that arrives while the first load is running', async () => {
    const setting = new Setting();
    let answer = (_rows: FlagRecord[]): void => undefined;
    setting.all = () => new Promise((resolve) => (answer = resolve));
    const started = setting.flags.onModuleInit();
    setting.flags.onFlagChanged(record('a', 2, false));
    answer([record('a', 1, true)]);
    await started;
    expect(setting.flags.get('a')).toMatchObject({ version: 2, enabled: false });
  });

  it('starts without its database, marked as out of date, and recovers when that comes back', async () => {
    const setting = new Setting();
    setting.all = () => Promise.reject(new Error('connection refused'));
    await setting.flags.onModuleInit();
    expect(setting.flags.status()).toMatchObject({
      stale: true,
      reasons: ['not-loaded: the flags have not been loaded yet', 'load-failed: connection refused'],
      loadedAt: null,
    });
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.clock.advance(200);
    expect(setting.flags.status().stale).toBe(false);
    expect(setting.flags.isEnabled('a')).toBe(true);
  });

  it('does not wait for a database that says nothing before it lets the application start', async () => {
    const setting = new Setting();
    setting.all = () => new Promise(() => undefined);
    let started = false;
    void setting.flags.onModuleInit().then(() => (started = true));
    await setting.clock.advance(1_999);
    expect(started).toBe(false);
    await setting.clock.advance(1);
    await settle();
    expect(started).toBe(true);
    expect(setting.flags.status().stale).toBe(true);
  });

  it('keeps serving after a gap, marked as out of date, until everything was loaded anew', async () => {
    const setting = new Setting();
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.flags.onModuleInit();
    setting.all = () => Promise.resolve([record('a', 5, false)]);
    setting.flags.onGap(gap);
    expect(setting.flags.status()).toMatchObject({
      stale: true,
      reasons: ['gap: changes made by api-1 may be missing (origin-lost)'],
    });
    expect(setting.flags.isEnabled('a')).toBe(true);
    await setting.clock.advance(250);
    expect(setting.flags.status().stale).toBe(false);
    expect(setting.flags.isEnabled('a')).toBe(false);
  });

  it('keeps serving what it has while the database is away after a gap', async () => {
    const setting = new Setting();
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.flags.onModuleInit();
    setting.all = () => Promise.reject(new Error('gone'));
    setting.flags.onGap(gap);
    await setting.clock.advance(60_000);
    expect(setting.flags.isEnabled('a')).toBe(true);
    expect(setting.flags.status()).toMatchObject({ stale: true, loadedAt: '2030-01-01T00:00:00.000Z' });
  });

  it('is out of date while the cluster cannot prove that nothing is missing', async () => {
    const setting = new Setting();
    await setting.flags.onModuleInit();
    setting.cluster.state = { fresh: false, reasons: ['nothing heard from api-1 for 7 s'] };
    expect(setting.flags.status()).toMatchObject({ stale: true, reasons: ['nothing heard from api-1 for 7 s'] });
    setting.cluster.state = { fresh: true, reasons: [] };
    expect(setting.flags.status().stale).toBe(false);
  });

  it('tells of changes once each, and not of events that change nothing', async () => {
    const { flags } = new Setting();
    await flags.onModuleInit();
    let changes = 0;
    flags.changes.subscribe(() => changes++);
    flags.onFlagChanged(record('a', 1));
    flags.onFlagChanged(record('a', 1));
    expect(changes).toBe(1);
    flags.onGap(gap);
    expect(changes).toBe(2);
  });

  it.each([
    ['no object', null],
    ['a version that is no number', { ...record('a', 1), version: '2' }],
    ['a version that is not whole', { ...record('a', 1), version: 1.5 }],
    ['no key', { ...record('a', 1), key: undefined }],
  ])('refuses an event with %s aloud, and holds what it had', async (_what, payload) => {
    const { flags } = new Setting();
    flags.onFlagChanged(record('a', 1));
    expect(() => flags.onFlagChanged(payload as unknown as FlagRecord)).toThrow(
      expect.objectContaining({ code: 'FLAGS_INVALID_EVENT' }),
    );
    expect(flags.get('a')).toMatchObject({ version: 1 });
  });

  it('loads no more once the application ends', async () => {
    const setting = new Setting();
    await setting.flags.onModuleInit();
    let loads = 0;
    setting.all = () => Promise.resolve([record('a', ++loads)]);
    setting.flags.onGap(gap);
    setting.flags.onModuleDestroy();
    await setting.clock.advance(60_000);
    await settle();
    expect(loads).toBe(0);
  });
});

describe('a read while the copy is not in doubt', () => {
  it.each(['serve', 'bypass', 'flush'] as const)('with %s asks nobody', async (whenStale) => {
    const setting = new Setting(whenStale);
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.flags.onModuleInit();
    expect(await setting.flags.read('a')).toMatchObject({ enabled: true, source: 'memory', stale: false });
    expect(await setting.flags.read('none', true)).toEqual({
      enabled: true,
      flag: undefined,
      source: 'memory',
      stale: false,
    });
    expect(setting.flags.isEnabled('a')).toBe(true);
    expect(setting.asked).toEqual([]);
  });
});

describe('whenStale: serve', () => {
  it('answers from memory, marked as stale, and asks nobody', async () => {
    const { flags, asked } = await Setting.stale('serve', record('a', 1));
    expect(await flags.read('a')).toEqual({
      enabled: true,
      flag: expect.objectContaining({ key: 'a' }),
      source: 'memory',
      stale: true,
    });
    expect([flags.isEnabled('a'), flags.list().length, asked]).toEqual([true, 1, []]);
  });

  it('is what happens without the option', async () => {
    const setting = new Setting();
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.flags.onModuleInit();
    setting.cluster.state = SILENT;
    expect(await setting.flags.read('a')).toMatchObject({ source: 'memory', stale: true });
  });
});

describe('whenStale: bypass', () => {
  it('reads from the database while the copy is in doubt, and keeps what it found', async () => {
    const setting = await Setting.stale('bypass', record('a', 1));
    setting.one = () => Promise.resolve(record('a', 2, false));
    expect(await setting.flags.read('a', true)).toMatchObject({ enabled: false, source: 'database', stale: false });
    setting.cluster.state = FRESH;
    expect(await setting.flags.read('a')).toMatchObject({ enabled: false, source: 'memory', flag: { version: 2 } });
    expect(setting.asked).toEqual(['a']);
  });

  it('says that there is no flag where the database has none, or a deleted one', async () => {
    const setting = await Setting.stale('bypass', record('gone', 1));
    expect(await setting.flags.read('none', true)).toMatchObject({
      enabled: true,
      flag: undefined,
      source: 'database',
    });
    setting.one = () => Promise.resolve({ ...record('gone', 2), deleted: true });
    expect(await setting.flags.read('gone')).toMatchObject({ enabled: false, flag: undefined, source: 'database' });
  });

  it('does not let a read that began before a change was heard of undo it', async () => {
    const setting = await Setting.stale('bypass', record('a', 1));
    let answer = (_row: FlagRecord): void => undefined;
    setting.one = () => new Promise((resolve) => (answer = resolve));
    const read = setting.flags.read('a');
    setting.flags.onFlagChanged(record('a', 2, false));
    answer(record('a', 1, true)); // from before the change
    expect(await read).toMatchObject({ enabled: false, flag: { version: 2 } });
    expect(setting.flags.record('a')).toMatchObject({ version: 2, enabled: false });
  });

  it.each([
    ['fails', () => Promise.reject(new Error('connection refused'))],
    ['says nothing', () => new Promise<never>(() => undefined)],
  ])('answers from memory, marked as stale, when the database %s', async (_what, one) => {
    const setting = await Setting.stale('bypass', record('a', 1));
    setting.one = one;
    const read = setting.flags.read('a');
    await setting.clock.advance(1_000);
    expect(await read).toMatchObject({ enabled: true, source: 'memory', stale: true });
  });

  it('asks the database once for many who ask at the same moment', async () => {
    const setting = await Setting.stale('bypass', record('a', 1));
    setting.one = () => Promise.resolve(record('a', 2));
    const readings = await Promise.all(Array.from({ length: 100 }, () => setting.flags.read('a')));
    expect(readings.every(({ source }) => source === 'database')).toBe(true);
    expect(setting.asked.length).toBeLessThanOrEqual(2);
  });

  it('tells whoever listens of what it found', async () => {
    const setting = await Setting.stale('bypass', record('a', 1));
    let changes = 0;
    setting.flags.changes.subscribe(() => changes++);
    setting.one = () => Promise.resolve(record('a', 2));
    await setting.flags.read('a');
    await setting.flags.read('a');
    expect(changes).toBe(1);
  });
});

describe('whenStale: flush', () => {
  it('serves nothing of what it held while that is in doubt, only the fallback', async () => {
    const { flags } = await Setting.stale('flush', record('a', 1), record('off', 1, false));
    expect([flags.isEnabled('a'), flags.isEnabled('off', true), flags.get('a'), flags.list()]).toEqual([
      false,
      true,
      undefined,
      [],
    ]);
  });

  it('reads from the database, and takes the fallback when that fails or is late', async () => {
    const setting = await Setting.stale('flush', record('a', 1));
    setting.one = () => Promise.resolve(record('a', 1));
    expect(await setting.flags.read('a')).toMatchObject({ enabled: true, source: 'database', stale: false });
    setting.one = () => Promise.reject(new Error('gone'));
    const nothing = { flag: undefined, source: 'fallback', stale: true };
    expect(await setting.flags.read('a')).toEqual({ ...nothing, enabled: false });
    expect(await setting.flags.read('a', true)).toEqual({ ...nothing, enabled: true });
    setting.one = () => new Promise(() => undefined);
    const late = setting.flags.read('a', true);
    await setting.clock.advance(1_000);
    expect(await late).toEqual({ ...nothing, enabled: true });
  });

  it('serves from memory again once all was loaded anew, and not before, though the cluster is fresh', async () => {
    const setting = await Setting.stale('flush', record('a', 1), record('b', 1));
    let answer = (_rows: FlagRecord[]): void => undefined;
    setting.all = () => new Promise((resolve) => (answer = resolve));
    expect(setting.flags.isEnabled('a')).toBe(false);
    setting.cluster.state = FRESH;
    await setting.clock.advance(500);
    expect(setting.flags.status()).toMatchObject({ stale: true, reasons: [expect.stringMatching(/^dropped: /)] });
    expect(setting.flags.isEnabled('b')).toBe(false);
    answer([record('a', 1), record('b', 2)]);
    await settle();
    expect(setting.flags.status().stale).toBe(false);
    expect(setting.flags.list().map(({ key, version }) => [key, version])).toEqual([
      ['a', 1],
      ['b', 2],
    ]);
  });

  it('does not serve what it loaded while the cluster is still not fresh', async () => {
    const setting = await Setting.stale('flush', record('a', 1));
    expect(setting.flags.isEnabled('a')).toBe(false);
    await setting.clock.advance(500);
    expect(setting.flags.record('a')).toBeDefined();
    expect(setting.flags.isEnabled('a')).toBe(false);
  });

  it('lets no load that began before bring back a value older than one it has dropped', async () => {
    const setting = new Setting('flush');
    setting.all = () => Promise.resolve([record('a', 1)]);
    await setting.flags.onModuleInit();
    let answer = (_rows: FlagRecord[]): void => undefined;
    setting.all = () => new Promise((resolve) => (answer = resolve));
    setting.flags.onGap(gap);
    await setting.clock.advance(250); // the load begins, and reads version 1
    setting.flags.onFlagChanged(record('a', 2, false));
    expect(setting.flags.isEnabled('a', true)).toBe(true); // dropped
    answer([record('a', 1, true)]);
    await settle();
    expect(setting.flags.record('a')).toBeUndefined();
    setting.one = () => Promise.resolve(record('a', 1, true)); // nor a read that began before
    expect(await setting.flags.read('a')).toMatchObject({ source: 'fallback', stale: true });
  });

  it('drops after a gap as well, and asks for one load, not one for each question', async () => {
    const setting = new Setting('flush');
    let loads = 0;
    setting.all = () => {
      loads++;
      return Promise.resolve([record('a', 1)]);
    };
    await setting.flags.onModuleInit();
    setting.flags.onGap(gap);
    for (let i = 0; i < 10; i++) expect(setting.flags.isEnabled('a')).toBe(false);
    await setting.clock.advance(1_000);
    expect(setting.flags.isEnabled('a')).toBe(true);
    expect(loads).toBe(2);
  });
});
