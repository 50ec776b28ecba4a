import { describe, expect, it } from '@jest/globals';
import type { DialOutcome } from './dial/dialer.js';
import { type FreshnessFacts, freshnessKind, judgeFreshness } from './freshness.js';

const FACTS: FreshnessFacts = {
  startedAt: 0,
  leftAt: undefined,
  unanswered: [],
  unusable: [],
  peers: [],
  unproven: [],
  slowestHandler: undefined,
};
const peer = (freshAt: number, nextMs = 1_000, status = 'suspect') => ({
  name: 'api-1',
  address: { host: '10.0.0.1', port: 4370 },
  status,
  freshAt,
  nextMs,
});
const at = (outcome: DialOutcome, since = 0) => ({ address: '10.0.0.9:4370', strategies: ['dns'], outcome, since });

describe('freshness', () => {
  it('holds for a node that is alone and knows it', () => {
    expect(judgeFreshness(FACTS, 1_000)).toEqual({ fresh: true, reasons: [] });
  });

  it('does not hold before discovery answered', () => {
    expect(judgeFreshness({ ...FACTS, unanswered: ['dns'], startedAt: 1_000 }, 3_500)).toEqual({
      fresh: false,
      reasons: [
        'no-discovery-answer: discovery dns has not answered since the start, 2.5 s ago: whom it would list is not known. ' +
          'It is asked again by itself; the log says why it fails.',
      ],
    });
  });

  it('does not hold while discovery lists what cannot be dialled', () => {
    const unusable = [{ strategy: 'consul', entry: "'10.0.0.9:4370'" }];
    expect(judgeFreshness({ ...FACTS, unusable }, 0)).toEqual({
      fresh: false,
      reasons: [
        "unusable-address: discovery consul lists '10.0.0.9:4370', which cannot be dialled: whether a member listens there " +
          'is not known. Mend what it lists: { host, port }, 2000 at most.',
      ],
    });
  });

  it('ends 6 s after the last proof, and later for peers that announced to speak less often', () => {
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000)] }, 7_000).fresh).toBe(true);
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000)] }, 7_001).fresh).toBe(false);
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000, 6_000)] }, 15_700).fresh).toBe(true);
    expect(judgeFreshness({ ...FACTS, peers: [peer(1_000, 6_000)] }, 15_701).fresh).toBe(false);
  });

  it('is judged at the moment of the question: facts that were fine before it stood still are not any more', () => {
    const facts = { ...FACTS, peers: [peer(1_000, 1_000, 'up')] };
    expect(judgeFreshness(facts, 1_500).fresh).toBe(true);
    expect(judgeFreshness(facts, 60_000).fresh).toBe(false);
  });

  it.each([
    ['up', 'look at the network and at the load of both'],
    ['suspect', 'forget() it if it will not return'],
    ['heard-of', 'look at firewalls between the two'],
  ])('says of a peer that is %s who, where, since when, what may be, and what to do', (status, mend) => {
    const { reasons } = judgeFreshness({ ...FACTS, peers: [peer(1_000, 1_000, status)] }, 10_100);
    const what = `unproven-peer: api-1 (10.0.0.1:4370, ${status}) was last proven caught up 9.1 s ago, the limit is 6.0 s.`;
    expect(reasons).toEqual([expect.stringContaining(what)]);
    expect(reasons[0]).toContain(mend);
  });

  it('does not hold while a listed address may hide a peer', () => {
    const isFresh = (outcome: DialOutcome) => judgeFreshness({ ...FACTS, unproven: [at(outcome)] }, 0).fresh;
    for (const outcome of [
      'new',
      'dialling',
      'timeout',
      'silent',
      'unreachable',
      'reset',
      'closed',
      'busy',
      'version',
    ] as const)
      expect([outcome, isFresh(outcome)]).toEqual([outcome, false]);
    for (const outcome of ['refused', 'self', 'cluster', 'unauthenticated', 'foreign', 'unresolved', 'left'] as const)
      expect([outcome, isFresh(outcome)]).toEqual([outcome, true]);
  });

  it('says of an address which, who lists it, since when, what came of the dial, and what to do', () => {
    expect(judgeFreshness({ ...FACTS, unproven: [at('timeout', 1_000)] }, 5_000).reasons).toEqual([
      'unreached-address: 10.0.0.9:4370, listed by dns, was not reached for 4.0 s (timeout). ' +
        'Somebody may be there: mend the network, or remove the record if nobody is.',
    ]);
  });

  it('does not hold while a handler is far behind', () => {
    const slowestHandler = { label: 'Prices.onChanged', behindSince: 1_000 };
    expect(judgeFreshness({ ...FACTS, slowestHandler }, 7_000).fresh).toBe(true);
    expect(judgeFreshness({ ...FACTS, slowestHandler }, 7_100).reasons).toEqual([
      expect.stringMatching(/^handler-lag: Prices\.onChanged is 6\.1 s behind, the limit is 6\.0 s\./),
    ]);
  });

  it('does not hold for a node that left, which hears nothing any more', () => {
    const { fresh, reasons } = judgeFreshness({ ...FACTS, leftAt: 1_000, peers: [peer(0)] }, 10_000);
    expect(fresh).toBe(false);
    expect(reasons).toEqual([expect.stringMatching(/^left: this node left the cluster 9\.0 s ago/)]);
  });

  it('gives every reason, each with its kind, and no more of one kind than a person reads', () => {
    const { reasons } = judgeFreshness(
      {
        ...FACTS,
        unanswered: ['dns'],
        unusable: [{ strategy: 'consul', entry: 'null' }],
        peers: Array.from({ length: 100 }, () => peer(0)),
        unproven: [at('timeout')],
        slowestHandler: { label: 'x', behindSince: 0 },
      },
      10_000,
    );
    expect([...new Set(reasons.map(freshnessKind))]).toEqual([
      'no-discovery-answer',
      'unusable-address',
      'unproven-peer',
      'unreached-address',
      'handler-lag',
    ]);
    expect(reasons).toHaveLength(21);
    expect(reasons).toContain('unproven-peer: and 84 more.');
  });

  it('lets no name of a peer forge lines', () => {
    const [reason] = judgeFreshness({ ...FACTS, peers: [{ ...peer(0), name: 'a\nleft: b' }] }, 10_000).reasons;
    expect(reason).not.toContain('\n');
  });

  it.each(['', 'api-1 is silent', 'toString: x', ': x', 'handler-lag'])('knows no kind of %j', (text) => {
    expect(freshnessKind(text)).toBeUndefined();
  });
});
