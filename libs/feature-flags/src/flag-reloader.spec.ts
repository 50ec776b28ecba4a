import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '@rookery/testing';
import { FlagReloader, retryPause } from './flag-reloader.js';

class Setting {
  readonly clock = new ManualClock();
  readonly warnings: string[] = [];
  /** The times at which loads began. */
  readonly loads: number[] = [];
  /** What the next loads do. */
  load: () => Promise<void> = () => Promise.resolve();
  chance = 0.5;
  readonly reloader = new FlagReloader(
    {
      load: () => {
        this.loads.push(this.clock.now());
        return this.load();
      },
      changed: () => undefined,
      warn: (message) => this.warnings.push(message),
    },
    {
      reloadSpreadMs: 500,
      retryMinMs: 100,
      retryMaxMs: 1_000,
      clock: this.clock,
      random: { next: () => this.chance, bytes: () => Buffer.alloc(0) },
    },
  );
}

describe('FlagReloader', () => {
  it('is out of date from the request on, until a load spread over half a second has succeeded', async () => {
    const { clock, reloader, loads } = new Setting();
    reloader.request('a gap');
    expect(reloader.reasons).toEqual(['a gap']);
    await clock.advance(249);
    expect(loads).toEqual([]);
    await clock.advance(1);
    expect(loads).toEqual([250]);
    expect(reloader.reasons).toEqual([]);
  });

  it.each([
    [0, 0],
    [0.999, 499.5],
  ])('spreads the load by chance: %d gives %d ms', (chance, delayMs) => {
    const setting = new Setting();
    setting.chance = chance;
    setting.reloader.request('a gap');
    expect(setting.clock.pending).toEqual([delayMs]);
  });

  it('loads once for many gaps that come together', async () => {
    const { clock, reloader, loads } = new Setting();
    for (let i = 0; i < 100; i++) reloader.request(`gap ${i}`);
    expect(reloader.reasons.length).toBeLessThan(12);
    await clock.advance(10_000);
    expect(loads).toHaveLength(1);
    expect(reloader.reasons).toEqual([]);
  });

  it('loads again for a gap that came while a load was running', async () => {
    const setting = new Setting();
    const { clock, reloader, loads } = setting;
    let finish = (): void => undefined;
    setting.load = () => new Promise((resolve) => (finish = resolve));
    reloader.request('first');
    await clock.advance(250);
    reloader.request('second');
    setting.load = () => Promise.resolve();
    finish();
    await clock.advance(0);
    expect(reloader.reasons).toEqual(['second']);
    await clock.advance(250);
    expect(loads).toHaveLength(2);
    expect(reloader.reasons).toEqual([]);
  });

  it('tries again for as long as loading fails, with growing pauses up to the limit, and says why', async () => {
    const setting = new Setting();
    const { clock, reloader, loads } = setting;
    setting.load = () => Promise.reject(new Error('no database'));
    await reloader.start('not loaded yet');
    expect(reloader.reasons).toEqual(['not loaded yet', 'load-failed: no database']);
    await clock.advance(60_000);
    const pauses = loads.slice(1).map((at, index) => at - loads[index]!);
    expect(pauses.slice(0, 6)).toEqual([75, 150, 300, 600, 750, 750]);
    expect(Math.max(...pauses)).toBe(750);
    expect(setting.warnings[0]).toContain('no database');

    setting.load = () => Promise.resolve();
    await clock.advance(750);
    expect(reloader.reasons).toEqual([]);
    expect(clock.pending).toEqual([]);
  });

  it('starts without spreading, and comes back after the first try even when that failed', async () => {
    const setting = new Setting();
    setting.load = () => Promise.reject(new Error('no database'));
    await setting.reloader.start('not loaded yet');
    expect(setting.loads).toEqual([0]);
  });

  it('tells who waits once everything asked for so far is loaded', async () => {
    const { clock, reloader } = new Setting();
    let settled = false;
    reloader.request('a gap');
    void reloader.settled().then(() => (settled = true));
    await clock.advance(249);
    expect(settled).toBe(false);
    await clock.advance(1);
    expect(settled).toBe(true);
    await reloader.settled();
  });

  it('loads once when it was asked to before it was started', async () => {
    const { clock, reloader, loads } = new Setting();
    reloader.request('early');
    await reloader.start('not loaded yet');
    expect([loads, reloader.reasons]).toEqual([[0], []]);
    await clock.advance(60_000);
    expect(loads).toEqual([0]);
  });

  it('never loads twice at once: a start waits for the load that is under way, then loads itself', async () => {
    const setting = new Setting();
    const { clock, reloader, loads } = setting;
    const running: (() => void)[] = [];
    let most = 0;
    setting.load = () =>
      new Promise((resolve) => {
        running.push(() => (running.shift(), resolve()));
        most = Math.max(most, running.length);
      });
    reloader.request('early');
    await clock.advance(250);
    const started = reloader.start('not loaded yet');
    reloader.request('a gap meanwhile');
    await clock.advance(1_000);
    expect(loads).toEqual([250]);
    running[0]!();
    await clock.advance(0);
    // What came while the first load ran is settled by no load that began before.
    expect(reloader.reasons).toEqual(['not loaded yet', 'a gap meanwhile']);
    running[0]!();
    await started;
    await clock.advance(60_000);
    expect([reloader.reasons, loads, most]).toEqual([[], [250, 1_250], 1]);
  });

  it('does nothing any more after it was stopped', async () => {
    const { clock, reloader, loads } = new Setting();
    reloader.request('a gap');
    reloader.stop();
    reloader.request('another');
    await clock.advance(60_000);
    expect(loads).toEqual([]);
  });

  it.each([
    ['fails', () => Promise.reject(new Error('no database'))],
    ['succeeds', () => Promise.resolve()],
  ])('starts no further try when it was stopped during one that %s', async (_outcome, outcome) => {
    const setting = new Setting();
    let finish = (): void => undefined;
    setting.load = () => new Promise<void>((resolve) => (finish = resolve)).then(outcome);
    const started = setting.reloader.start('not loaded yet');
    setting.reloader.request('a gap meanwhile');
    setting.reloader.stop();
    finish();
    await started;
    expect(setting.clock.pending).toEqual([]);
    expect(setting.warnings).toEqual([]);
  });
});

describe('retryPause', () => {
  const options = (next: number) => ({
    retryMinMs: 200,
    retryMaxMs: 5_000,
    random: { next: () => next, bytes: () => Buffer.alloc(0) },
  });

  it('draws half of the pause at random', () => {
    expect(retryPause(1, options(0))).toBe(100);
    expect(retryPause(1, options(1))).toBe(200);
  });

  it('stays finite and within the limit after any number of failures', () => {
    expect(retryPause(1_000_000, options(1))).toBe(5_000);
  });
});
