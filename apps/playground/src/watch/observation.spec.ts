import { describe, expect, it } from '@jest/globals';
import { readObservation } from './observation.js';

const cluster = {
  self: { incarnation: 'a1', name: 'api-1' },
  members: [{ incarnation: 'b1', name: 'landing-1', status: 'up', address: {}, metadata: {} }],
  links: [{ member: 'b1', name: 'landing-1', roundTripMs: 0.4, bytesSent: 1 }],
  freshness: { fresh: true, reasons: [] },
};
const flag = { key: 'a', enabled: true, version: 2, description: '', updatedAt: 'x' };
const flags = { flags: [flag], stale: false, reasons: [], loadedAt: 'x' };
const call = { id: 1, at: 2, pattern: 'pricing.quote', member: 'api-1', tookMs: 1.2, error: null };
const ok = (body: unknown) => ({ status: 200, body });

describe('readObservation', () => {
  it('keeps what the page shows', () => {
    expect(readObservation(ok(cluster), ok(flags), ok({ calls: [{ ...call, more: 1 }] }))).toEqual({
      incarnation: 'a1',
      members: [{ incarnation: 'b1', name: 'landing-1', status: 'up' }],
      links: [{ incarnation: 'b1', roundTripMs: 0.4 }],
      fresh: true,
      reasons: [],
      flags: [{ key: 'a', enabled: true, version: 2, description: '' }],
      calls: [call],
    });
  });

  it('is fresh only when mesh and flags are, and names each reason once', () => {
    const unfresh = { ...cluster, freshness: { fresh: false, reasons: ['api-2 is silent'] } };
    expect(
      readObservation(ok(unfresh), ok({ ...flags, stale: true, reasons: ['api-2 is silent', 'a gap'] }), undefined),
    ).toMatchObject({
      fresh: false,
      reasons: ['api-2 is silent', 'a gap'],
    });
    expect(readObservation(ok(cluster), ok({ ...flags, stale: true, reasons: ['a gap'] }), undefined)?.fresh).toBe(
      false,
    );
  });

  it('knows a replica without its flags as one that is not to be relied on', () => {
    expect(readObservation(ok(cluster), { status: 503, body: {} }, undefined)).toMatchObject({
      fresh: false,
      flags: [],
    });
  });

  it.each([undefined, { status: 404, body: {} }, ok(null), ok({ calls: 'none' })])('sees no calls in %j', (calls) => {
    expect(readObservation(ok(cluster), ok(flags), calls)).toMatchObject({ calls: [] });
  });

  it.each([[undefined], [null], ['text'], [{}], [{ ...cluster, links: undefined }]])('takes %j for no view', (body) => {
    expect(readObservation(ok(body), ok(flags), undefined)).toBeUndefined();
  });
});
