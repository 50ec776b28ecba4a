/** A handler that cannot keep up: its own queue overflows into a gap, freshness says so, and nobody else notices. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, joined, NodeProcess, seed } from './support/node-process.js';

const MAX_QUEUED = 8;

afterEach(() => NodeProcess.endAll());

interface Freshness {
  readonly fresh: boolean;
  readonly reasons: readonly { readonly code: string }[];
}

describe('a handler that takes a second for each of 100 messages a second', () => {
  it('gets one gap behind what was queued, is behind by the word of freshness, and keeps nobody waiting', async () => {
    const port = await freePort();
    const publisher = await NodeProcess.start('publisher', seed(port), { listen: { host: '127.0.0.1', port } });
    const slow = await NodeProcess.start('slow', seed(port), { limits: { maxQueuedEvents: MAX_QUEUED } });
    const other = await NodeProcess.start('other', seed(port));
    await joined([publisher, slow, other]);
    await slow.ask('handleSlowly', { eachMs: 1_000 });
    await publisher.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    await slow.until(
      async () => JSON.stringify(await slow.ask<Freshness>('freshness')).includes('handler-lag'),
      'the lag of its handler',
    );
    const { fresh, reasons } = await slow.ask<Freshness>('freshness');
    expect(fresh).toBe(false);
    const handled = await slow.ask<number>('slowHandled');
    expect(handled).toBeGreaterThanOrEqual(4);
    expect(slow.ofKind('slow.gap')).toEqual([]);
    expect((await other.ask<Freshness>('freshness')).fresh).toBe(true);
    expect((await publisher.ask<Freshness>('freshness')).fresh).toBe(true);

    const last = await publisher.ask<number>('stop');
    // The other subscription of the same process, and the other process, have all of it while the slow one is at work.
    for (const node of [slow, other]) {
      expect(await node.reached(publisher, 's', last)).toMatchObject({ count: last, missed: 0 });
    }
    const gap = await slow.event('slow.gap', 'publisher');
    process.stdout.write(
      `slow handler: lagging after ${handled} of ${last} messages (${JSON.stringify(reasons)}), ` +
        `gap of ${gap.missed} after ${gap.handled}\n`,
    );
    // One runs and the others wait; the gap stands behind them, and takes the place of all the rest.
    expect(gap).toMatchObject({ reason: 'slow-handler', handled: MAX_QUEUED + 1, missed: last - MAX_QUEUED - 1 });
    await slow.until(async () => (await slow.ask<Freshness>('freshness')).fresh, 'freshness again');
    expect(slow.ofKind('slow.gap')).toHaveLength(1);
    for (const node of [publisher, slow, other]) {
      for (const kind of ['member.suspect', 'member.lost', 'error']) expect(node.ofKind(kind)).toEqual([]);
      expect((await node.heard()).anomalies).toEqual([]);
    }
    for (const node of [publisher, other]) expect(node.ofKind('gap')).toEqual([]);
  }, 90_000);
});
