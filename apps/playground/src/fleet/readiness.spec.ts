import { describe, expect, it } from '@jest/globals';
import { isReady } from './readiness.js';

const ready = {
  status: 'ready',
  node: 'api-1',
  flags: { stale: false, reasons: [], loadedAt: '2030-01-01T00:00:00Z' },
};

describe('isReady', () => {
  it('wants a replica that serves, with flags', () => {
    expect(isReady({ status: 200, body: ready })).toBe(true);
  });

  it.each([
    [503, { ...ready, status: 'starting' }],
    [200, { ...ready, flags: { ...ready.flags, loadedAt: null } }],
    [200, { status: 'ready' }],
    [200, undefined],
    [200, null],
    [404, {}],
  ])('is not content with %s and %j', (status, body) => {
    expect(isReady({ status, body })).toBe(false);
  });
});
