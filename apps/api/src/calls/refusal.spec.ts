import { describe, expect, it } from '@jest/globals';
import { FlagsDatabaseError } from '@rookery/feature-flags';
import { InvalidRequestError } from '../invalid-request.error.js';
import { refusalOf } from './refusal.js';

describe('refusalOf', () => {
  it('names all that is wrong with what was asked, and who says so', () => {
    expect(refusalOf(new InvalidRequestError(['one', 'two'], 'PRICING_INVALID_REQUEST'), 'api-1')).toEqual({
      code: 'PRICING_INVALID_REQUEST',
      message: 'one; two',
      problems: ['one', 'two'],
      answeredBy: 'api-1',
    });
  });

  it('tells the code of a database that is away, and not where it is', () => {
    const error = new FlagsDatabaseError('The flags database 10.0.0.1/flags is not available', 'refused', undefined);
    expect(refusalOf(error, 'api-1')).toEqual({
      code: 'FLAGS_DATABASE_UNAVAILABLE',
      message: 'The flags cannot be read right now.',
      answeredBy: 'api-1',
    });
  });

  it('tells nothing of what nobody expected', () => {
    expect(refusalOf(new Error('secret'), 'api-1')).toBeUndefined();
  });
});
