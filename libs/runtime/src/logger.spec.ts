import { describe, expect, it } from '@jest/globals';
import { printable } from './logger.js';

describe('printable()', () => {
  it('leaves text of any language as it is, and cuts what is too long', () => {
    expect(printable('Zürich, 東京, می‌خواهم, 👩‍💻')).toBe('Zürich, 東京, می‌خواهم, 👩‍💻');
    expect(printable('x'.repeat(9), 4)).toBe('xxxx...');
  });

  it.each([
    ['ends a line', 'a\nb', 'a\\u000ab'],
    ['speaks to the terminal', '\u001b[2J\u009b2J', '\\u001b[2J\\u009b2J'],
    ['turns the direction of what follows', 'a\u202eb\u2066c', 'a\\u202eb\\u2066c'],
  ])('escapes what %s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});
