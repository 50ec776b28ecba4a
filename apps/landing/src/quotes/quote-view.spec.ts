import { describe, expect, it } from '@jest/globals';
import type { Quote } from '@rookery/pricing';
import { quoteView } from './quote-view.js';

const quote: Quote = {
  people: 25,
  bags: { count: 4, cents: 9_600 },
  plan: { name: 'Team', cents: 8_900 },
  answeredBy: 'api-1',
};

describe('quoteView', () => {
  it('shows what both kinds of pricing come to, who calculated it, and how long that took', () => {
    expect(quoteView({ value: quote, tookMs: 1.23 })).toEqual({
      answer: {
        people: 25,
        byTheBag: '€96.00 a month: 4 bags',
        plan: '€89.00 a month: Team',
        answeredBy: 'api-1',
        tookMs: '1.2',
      },
      problem: '',
    });
  });

  it('speaks of one bag, and of more people than any plan is for', () => {
    const { answer } = quoteView({ value: { ...quote, bags: { count: 1, cents: 2_400 }, plan: null }, tookMs: 1 });
    expect(answer).toMatchObject({
      byTheBag: '€24.00 a month: 1 bag',
      plan: expect.stringContaining('ask for an offer'),
    });
  });

  it.each([
    ['NO_PEER', /is there right now/],
    ['TIMEOUT', /in time/],
    ['PRICING_INVALID_REQUEST', /1 to 500/],
    ['FAILED', /Something went wrong/],
  ])('says in words for visitors what %s means, and names no server', (code, words) => {
    const { answer, problem } = quoteView({ failure: { code, member: 'api-1' }, tookMs: 300 });
    expect(answer).toBeUndefined();
    expect(problem).toMatch(words);
    expect(problem).not.toContain('api-1');
  });
});
