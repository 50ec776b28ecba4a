import { beforeEach, describe, expect, it } from '@jest/globals';
import { Logger, type MessageEvent } from '@nestjs/common';
import type { FeatureFlagsService } from '@rookery/feature-flags';
import { Subject } from 'rxjs';
import { FakeCluster } from '../../../../libs/feature-flags/test/fake-cluster.js';
import { ManualClock } from '@rookery/testing';
import { PARTIALS, Templates } from '../pages/templates.js';
import { LiveUpdates, MAX_LIVE_STREAMS } from './live-updates.js';

class Setting {
  readonly clock = new ManualClock();
  readonly changes = new Subject<void>();
  stale = false;
  promo = false;
  broken = false;
  readonly updates = new LiveUpdates(
    {
      changes: this.changes,
      list: () => [],
      get: () => undefined,
      isEnabled: (key: string) => key === 'promo-banner' && this.promo,
      status: () => {
        if (this.broken) throw new Error('broken');
        return { stale: this.stale, reasons: [], loadedAt: null };
      },
    } as unknown as FeatureFlagsService,
    new FakeCluster().asCluster,
    new Templates(),
    this.clock,
  );

  constructor() {
    this.updates.onModuleInit();
  }

  open() {
    const messages: MessageEvent[] = [];
    let hasEnded = false;
    const subscription = this.updates
      .stream()
      .subscribe({ next: (message) => messages.push(message), complete: () => (hasEnded = true) });
    return { messages, hasEnded: () => hasEnded, close: () => subscription.unsubscribe() };
  }

  /** Turns the banner on or off, and says so. */
  flip(): void {
    this.promo = !this.promo;
    this.changes.next();
  }
}

describe('LiveUpdates', () => {
  let setting: Setting;
  beforeEach(() => {
    Logger.overrideLogger(false);
    setting = new Setting();
  });

  it('begins with every part, then sends only what changed, to all pages alike', () => {
    const [first, second] = [setting.open(), setting.open()];
    for (const name of PARTIALS) expect(first.messages[0]?.data).toContain(`id="${name}"`);
    setting.flip();
    expect(first.messages[1]?.data).toContain('id="promo"');
    expect(first.messages[1]?.data).not.toContain('id="pricing"');
    expect(second.messages).toEqual(first.messages);
  });

  it('sends the first change at once and those right after it together', async () => {
    const page = setting.open();
    setting.flip();
    expect(page.messages).toHaveLength(2);
    for (let i = 0; i < 9; i++) setting.flip();
    expect(page.messages).toHaveLength(2);
    await setting.clock.advance(50);
    expect(page.messages).toHaveLength(3);
    expect(page.messages[2]?.data).toContain('hidden');
  });

  it('sends nothing for changes that change nothing to be seen', async () => {
    const page = setting.open();
    setting.changes.next();
    await setting.clock.advance(10_000);
    expect(page.messages).toHaveLength(1);
  });

  it('notices within a second that the copy went stale', async () => {
    const page = setting.open();
    setting.stale = true;
    await setting.clock.advance(1_000);
    expect(page.messages[1]?.data).toContain('may be out of date');
  });

  it('is current for a page that opens beside others, before anything announced a change', () => {
    setting.open();
    setting.stale = true;
    expect(setting.open().messages[0]?.data).toContain('may be out of date');
  });

  it('keeps silent connections alive with a comment every 15 seconds', async () => {
    const page = setting.open();
    await setting.clock.advance(60_000);
    expect(page.messages.slice(1)).toEqual(Array(4).fill({ comment: 'still here' }));
  });

  it('does nothing while no page is open, and is current for the next one', async () => {
    setting.open().close();
    await setting.clock.advance(50);
    expect(setting.clock.pending).toEqual([]);
    setting.flip();
    expect(setting.clock.pending).toEqual([]);
    expect(setting.open().messages[0]?.data).toContain('Half price');
  });

  it('refuses pages beyond its limit until others leave', () => {
    const pages = Array.from({ length: MAX_LIVE_STREAMS }, () => setting.open());
    let refusal: unknown;
    setting.updates.stream().subscribe({ error: (error: unknown) => (refusal = error) });
    expect(refusal).toMatchObject({ code: 'LIVE_STREAMS_FULL' });
    pages[0]?.close();
    expect(setting.open().messages).toHaveLength(1);
  });

  it('survives a failure to render, and sends the change once rendering works', async () => {
    const page = setting.open();
    setting.broken = true;
    setting.flip();
    expect(page.messages).toHaveLength(1);
    setting.broken = false;
    await setting.clock.advance(1_000);
    expect(page.messages[1]?.data).toContain('Half price');
  });

  it('ends every stream at shutdown, those opened later included, and leaves no timer', () => {
    const page = setting.open();
    setting.updates.beforeApplicationShutdown();
    expect(page.hasEnded()).toBe(true);
    const late = setting.open();
    expect(late.messages).toHaveLength(1);
    expect(late.hasEnded()).toBe(true);
    expect(setting.clock.pending).toEqual([]);
  });
});
