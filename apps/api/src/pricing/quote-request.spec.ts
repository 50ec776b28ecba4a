import { describe, expect, it } from '@jest/globals';
import { parseQuoteRequest } from './quote-request.js';

describe('parseQuoteRequest', () => {
  it.each([1, 25, 500])('takes %d people', (people) => {
    expect(parseQuoteRequest({ people, other: true })).toEqual({ people });
  });

  it.each([[undefined], [null], [25], [{}], [{ people: 0 }], [{ people: 501 }], [{ people: 2.5 }], [{ people: '25' }]])(
    'refuses %j',
    (data) => {
      expect(() => parseQuoteRequest(data)).toThrow(expect.objectContaining({ code: 'PRICING_INVALID_REQUEST' }));
    },
  );
});
