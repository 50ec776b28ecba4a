import { describe, expect, it } from '@jest/globals';
import { withoutSecret } from './without-secret.js';

describe('withoutSecret', () => {
  it.each([
    ['Bearer 0123456789abcdef may not', 'Bearer [token] may not'],
    ['0123456789abcdef0123456789abcdef', '[token][token]'],
    ['cut: 0123456789ab...', 'cut: [token]...'],
    ['cut: 01234567', 'cut: [token]'],
    ['0123456789abXdef', '[token]Xdef'],
    ['0123456 is too little to be it', '0123456 is too little to be it'],
    ['nothing of it', 'nothing of it'],
    ['', ''],
  ])('makes of %j %j', (text, clean) => {
    expect(withoutSecret(text, '0123456789abcdef', '[token]')).toBe(clean);
  });

  it('takes out a secret that is short as a whole', () => {
    expect(withoutSecret('a token-1 b token c', 'token-1', '[token]')).toBe('a [token] b token c');
  });
});
