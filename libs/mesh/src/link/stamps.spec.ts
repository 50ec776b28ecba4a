import { describe, expect, it } from '@jest/globals';
import { Stamps } from './stamps.js';

describe('stamps', () => {
  it('tell when they were first said, also once many others were', () => {
    const stamps = new Stamps();
    const first = stamps.say(1_000);
    expect(stamps.say(1_050)).toBe(first);
    const second = stamps.say(1_100);
    expect([stamps.timeOf(first), stamps.timeOf(second)]).toEqual([1_000, 1_100]);
  });

  it('that were never said, or too long ago, tell nothing', () => {
    const stamps = new Stamps();
    expect(stamps.timeOf(1)).toBeUndefined();
    const first = stamps.say(0);
    expect(stamps.timeOf(first + 1)).toBeUndefined();
    expect(stamps.timeOf(0)).toBeUndefined();
    for (let i = 1; i <= 1_024; i++) stamps.say(i * 100);
    expect(stamps.timeOf(first)).toBeUndefined();
    expect(stamps.timeOf(first + 1)).toBe(100);
  });

  it('begin again after the last, and are still told apart', () => {
    const stamps = new Stamps();
    let before = 0;
    for (let i = 0; i < 40_000; i++) {
      const stamp = stamps.say(i * 100);
      expect(stamps.timeOf(stamp)).toBe(i * 100);
      if (i > 0) expect(stamps.timeOf(before)).toBe((i - 1) * 100);
      before = stamp;
    }
    expect(before).toBeLessThan(2 ** 14);
  });
});
