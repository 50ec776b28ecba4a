import { describe, expect, it } from '@jest/globals';
import { type FreshnessFacts, judgeFreshness } from './freshness.js';

const FACTS: FreshnessFacts = { unanswered: [], peers: [], unproven: [], slowestHandler: undefined };
const peer = (freshAt: number, nextMs = 1_000) => ({ name: 'api-1', status: 'suspect', freshAt, nextMs });

describe('freshness', () => {
  it('holds for a node that is alone and knows it', () => {
    expect(judgeFreshness(FACTS, 1_000)).toEqual({ fresh: true, reasons: [] });
  });

  it('does not hold before discovery answered', () => {
    expect(judgeFreshness({ ...FACTS, unanswered: ['dns'] }, 0)).toEqual({
      fresh: false,
      reasons: ['Discovery dns has not answered yet.'],
    });
  });

  it('ends 6 s after the last proof, and later for peers that announced to speak less often', () => {
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000)] }, 7_000).fresh).toBe(true);
    const stale = judgeFreshness({ ...FACTS, peers: [peer(1_000)] }, 7_001);
    expect(stale.fresh).toBe(false);
    expect(stale.reasons[0]).toMatch(/api-1 \(suspect\).*6\.0 s ago/);
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000, 6_000)] }, 15_000).fresh).toBe(true);
  });

  it('does not hold while a listed address may hide a peer', () => {
    const at = (outcome: 'timeout' | 'refused' | 'self' | 'unauthenticated' | 'cluster' | 'dialling') =>
      judgeFreshness({ ...FACTS, unproven: [{ address: '10.0.0.1:4370', strategy: 'dns', outcome }] }, 0).fresh;
    expect([at('timeout'), at('dialling')]).toEqual([false, false]);
    expect([at('refused'), at('self'), at('unauthenticated'), at('cluster')]).toEqual([true, true, true, true]);
  });

  it('does not hold while a handler is far behind', () => {
    const slowestHandler = { label: 'Prices.onChanged', behindSince: 1_000 };
    expect(judgeFreshness({ ...FACTS, slowestHandler }, 7_000).fresh).toBe(true);
    expect(judgeFreshness({ ...FACTS, slowestHandler }, 7_100).reasons).toEqual([
      'handler-lag: Prices.onChanged is 6.1 s behind.',
    ]);
  });
});
