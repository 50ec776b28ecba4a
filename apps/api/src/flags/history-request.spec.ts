import { describe, expect, it } from '@jest/globals';
import { InvalidRequestError } from '../invalid-request.error.js';
import { parseHistoryRequest } from './history-request.js';

describe('parseHistoryRequest', () => {
  it('takes a key, and a limit or none', () => {
    expect(parseHistoryRequest({ key: 'dark-mode' })).toEqual({ key: 'dark-mode' });
    expect(parseHistoryRequest({ key: 'dark-mode', limit: 1_000 })).toEqual({ key: 'dark-mode', limit: 1_000 });
  });

  it.each([[undefined], [null], ['dark-mode'], [['dark-mode']], [{}], [{ key: 7 }], [{ key: 'No!' }]])(
    'refuses %j',
    (data) => {
      expect(() => parseHistoryRequest(data)).toThrow(InvalidRequestError);
    },
  );

  it.each([[0], [1.5], [1_001], ['5'], [null]])(
    'refuses the limit %j, and names what is wrong with the key as well',
    (limit) => {
      expect(() => parseHistoryRequest({ key: '', limit })).toThrow(/key must be.*"limit" must be/);
    },
  );
});
