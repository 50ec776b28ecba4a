import { describe, expect, it } from '@jest/globals';
import { ClusterCallError } from 'rookery';
import { member } from '../../../../libs/feature-flags/test/fake-cluster.js';
import { failureOf } from './call-failure.js';

describe('failureOf', () => {
  it('has the code of the call, and whom it was sent to', () => {
    const error = new ClusterCallError('TIMEOUT', 'no answer', 'pricing.quote', member('api-1'));
    expect(failureOf(error)).toEqual({ code: 'TIMEOUT', member: 'api-1' });
    expect(failureOf(new ClusterCallError('NO_PEER', 'nobody', 'pricing.quote'))).toEqual({
      code: 'NO_PEER',
      member: null,
    });
  });

  it('has what the handler refused with, as a client of Nest or the cluster itself hands it over', () => {
    const refusal = { code: 'PRICING_INVALID_REQUEST', message: 'x', answeredBy: 'api-2' };
    const expected = { code: 'PRICING_INVALID_REQUEST', member: 'api-2' };
    expect(failureOf(refusal)).toEqual(expected);
    expect(failureOf(new ClusterCallError('FAILED', 'x', 'p', member('api-2'), refusal))).toEqual(expected);
  });

  it.each([[{ status: 'error', message: 'Internal server error' }], [new Error('x')], ['text'], [undefined]])(
    'calls %j a failure',
    (error) => {
      expect(failureOf(error)).toEqual({ code: 'FAILED', member: null });
    },
  );
});
