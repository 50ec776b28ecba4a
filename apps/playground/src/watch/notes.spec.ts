import { describe, expect, it } from '@jest/globals';
import { describeFlip, describeReplica } from './notes.js';

const flag = { key: 'x', enabled: true, version: 4 };
const live = { confirmed: ['landing-10', 'landing-9', 'api-2'], failed: [], pending: [], tookMs: 2.3 };

describe('describeFlip', () => {
  it('says on whom a change is live, and in what time', () => {
    expect(describeFlip({ flag, live }, 'api-1', false)).toEqual({
      tone: 'good',
      title: 'x is on (version 4)',
      detail: 'through api-1; live on api-2, landing-9, landing-10 in 2.3 ms',
      spread: { from: 'api-1', to: live.confirmed },
    });
  });

  it('says who did not confirm it', () => {
    const note = describeFlip({ flag, live: { ...live, failed: ['a'], pending: ['b'] } }, 'api-1', true);
    expect(note).toMatchObject({ tone: 'warn', title: 'x is made, and on (version 4)' });
    expect(note.detail).toMatch(/failed on a; no answer from b/);
  });

  it('says when there was nobody to tell, or no way to', () => {
    const nobody = { ...live, confirmed: [] };
    expect(describeFlip({ flag, live: nobody }, 'api-1', false)).toMatchObject({
      tone: 'good',
      detail: 'through api-1; nobody else is there',
    });
    const note = describeFlip({ flag, live: { ...nobody, error: 'draining' } }, 'api-1', false);
    expect(note).toMatchObject({ tone: 'warn' });
    expect(note.detail).toContain('not announced: draining');
  });
});

describe('describeReplica', () => {
  const replica = { name: 'api-1', app: 'api', pid: 7, url: undefined, end: 'ended by itself with code 1' } as const;

  it('shows the last lines of one that did not come up', () => {
    expect(describeReplica({ replica: { ...replica, state: 'dead' }, detail: ['Error: no'] })).toEqual({
      tone: 'bad',
      title: 'api-1 is dead',
      detail: 'ended by itself with code 1\nError: no',
    });
  });

  it('has nothing to say of one that only begins', () => {
    expect(describeReplica({ replica: { ...replica, state: 'starting' }, detail: [] })).toBeUndefined();
  });
});
