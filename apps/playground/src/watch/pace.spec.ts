import { describe, expect, it } from '@jest/globals';
import { pollDelayMs } from './pace.js';

describe('pollDelayMs', () => {
  it('looks often while somebody watches, or something was just done', () => {
    expect(pollDelayMs(1, 1e9)).toBe(250);
    expect(pollDelayMs(0, 0)).toBe(250);
    expect(pollDelayMs(0, 9_999)).toBe(250);
  });

  it('looks seldom otherwise', () => {
    expect(pollDelayMs(0, 10_000)).toBe(2_000);
  });
});
