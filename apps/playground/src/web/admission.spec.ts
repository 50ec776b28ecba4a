import { describe, expect, it } from '@jest/globals';
import { refusalOf } from './admission.js';

const own = { host: '127.0.0.1:3000', origin: 'http://127.0.0.1:3000' };

describe('refusalOf', () => {
  it.each(['127.0.0.1:3000', 'localhost:3000', 'LOCALHOST:3000'])('serves the page as %s', (host) => {
    expect(refusalOf({ method: 'GET', host, origin: undefined }, 3000)).toBeUndefined();
    expect(refusalOf({ method: 'POST', host, origin: `http://${host}` }, 3000)).toBeUndefined();
  });

  it.each([
    undefined,
    '',
    'evil.example',
    'evil.example:3000',
    '127.0.0.1',
    '127.0.0.1:3001',
    'localhost.evil.example:3000',
  ])('serves nothing to whoever calls it %s, not even for reading', (host) => {
    expect(refusalOf({ method: 'GET', host, origin: undefined }, 3000)).toContain('only served as');
    expect(refusalOf({ method: 'POST', host, origin: `http://${host}` }, 3000)).toContain('only served as');
  });

  it.each([
    undefined,
    'null',
    'http://evil.example',
    'https://127.0.0.1:3000',
    'http://127.0.0.1:3001',
    'http://127.0.0.1',
    'http://127.0.0.1:3000.evil.example',
    'http://localhost:3000',
  ])('lets a page of origin %s change nothing', (origin) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'get']) {
      expect(refusalOf({ ...own, method, origin }, 3000)).toContain('Origin');
    }
  });

  it('knows that browsers leave out port 80', () => {
    expect(refusalOf({ method: 'POST', host: '127.0.0.1', origin: 'http://127.0.0.1' }, 80)).toBeUndefined();
  });
});
