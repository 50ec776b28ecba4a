import { beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FakeCluster, member } from '../test/fake-cluster.js';
import { ManualClock, settle } from '../test/manual-clock.js';
import { resolveFeatureFlagsOptions } from './feature-flags.options.js';
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
  readonly flags = new FeatureFlagsService(
    this.cluster.asCluster,
    { all: () => this.all() } as FlagStore,
    resolveFeatureFlagsOptions({
      readOnly: true,
      clock: this.clock,
      random: { next: () => 0.5, bytes: () => Buffer.alloc(0) },
    }),
  );
}

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
      reasons: ['the flags have not been loaded yet', 'loading failed: connection refused'],
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
      reasons: ['changes made by api-1 may be missing (origin-lost)'],
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
