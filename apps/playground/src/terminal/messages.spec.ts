import { describe, expect, it } from '@jest/globals';
import { meaningOf } from './end-requests.js';
import { portTakenText, readyText } from './messages.js';

describe('readyText', () => {
  const common = { app: 'api', end: '' } as const;

  it('is one table and one address', () => {
    const text = readyText({
      replicas: [
        { ...common, name: 'api-1', state: 'up', pid: 12345, url: 'http://127.0.0.1:3001' },
        { ...common, name: 'api-2', state: 'dead', pid: undefined, url: undefined, end: 'did not come up' },
      ],
      url: 'http://127.0.0.1:3000',
      logFolder: 'data/playground/logs',
    });
    expect(text.split('\n').slice(1, 7)).toEqual([
      '  replica   pid     address',
      '  -------   -----   ---------------------',
      '  api-1     12345   http://127.0.0.1:3001',
      '  api-2     -       dead: did not come up',
      '',
      '  Open  http://127.0.0.1:3000',
    ]);
  });

  it('names no address when there is nothing to see', () => {
    const text = readyText({
      replicas: [{ ...common, name: 'api-1', state: 'dead', pid: undefined, url: undefined, end: 'did not come up' }],
      url: 'http://127.0.0.1:3000',
      logFolder: 'data/playground/logs',
    });
    expect(text).toContain('No replica came up.');
    expect(text).toContain('data/playground/logs');
    expect(text).not.toContain('http');
  });
});

describe('portTakenText', () => {
  it('names the variable that chooses another port', () => {
    expect(portTakenText(3000)).toContain('PLAYGROUND_PORT=3100 npm start');
  });
});

describe('meaningOf', () => {
  it('takes the first signal for a wish to end, and a later one for impatience', () => {
    expect(meaningOf(undefined, 5_000)).toBe('end');
    expect(meaningOf(5_000, 5_001)).toBe('again');
    expect(meaningOf(5_000, 5_400)).toBe('kill');
  });
});
