import { describe, expect, it } from '@jest/globals';
import type { CallContext } from '@rookery/rpc';
import type { EventContext, Member } from 'rookery/mesh';
import { ClusterContext } from './cluster-context.js';

const from = { name: 'api-1' } as Member;

describe('the context of a call', () => {
  const { signal } = new AbortController();
  const call: CallContext = { pattern: 'flags.get', from, metadata: { tenant: 't' }, remainingMs: 12, signal };
  const context = new ClusterContext([call]);

  it('tells what the mesh tells of it', () => {
    expect(context.getPattern()).toBe('flags.get');
    expect(context.getMember()).toBe(from);
    expect(context.getMetadata()).toEqual({ tenant: 't' });
    expect(context.getRemainingMs()).toBe(12);
    expect(context.getSignal()).toBe(signal);
    expect(context.getArgs()).toEqual([call]);
  });

  it('has no place in any order', () => {
    expect(context.getSeq()).toBeUndefined();
    expect(context.getPublishedAt()).toBeUndefined();
    expect(context.isReplayed()).toBe(false);
  });
});

describe('the context of a publication', () => {
  const event: EventContext = { topic: 'flag.changed', from, seq: 7, publishedAt: 99, local: false, replayed: true };

  it('tells what the mesh tells of it', () => {
    const context = new ClusterContext([event]);
    expect(context.getPattern()).toBe('flag.changed');
    expect(context.getMember()).toBe(from);
    expect([context.getSeq(), context.getPublishedAt(), context.isReplayed()]).toEqual([7, 99, true]);
  });

  it('has no deadline, and a signal of its own that never aborts', () => {
    const context = new ClusterContext([event]);
    expect(context.getRemainingMs()).toBe(Number.POSITIVE_INFINITY);
    expect(context.getSignal().aborted).toBe(false);
    expect(context.getSignal()).toBe(context.getSignal());
    expect(new ClusterContext([event]).getSignal()).not.toBe(context.getSignal());
  });

  it('gives the pattern as Nest writes it, where the topic is another text', () => {
    expect(new ClusterContext([event, '{"cmd":"do it"}']).getPattern()).toBe('{"cmd":"do it"}');
  });
});
