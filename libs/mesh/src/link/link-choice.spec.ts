import { describe, expect, it } from '@jest/globals';
import { CROSSING_MS, replacesCurrent } from './link-choice.js';

const dialled = (readyAt: number) => ({ isDialled: true, readyAt });
const accepted = (readyAt: number) => ({ isDialled: false, readyAt });

describe('the choice between two links to one peer', () => {
  it('keeps the first of two that crossed, whoever dialled it', () => {
    expect(replacesCurrent(dialled(1_000), accepted(900), false)).toBe(false);
    expect(replacesCurrent(accepted(1_000), dialled(900), false)).toBe(false);
    expect(replacesCurrent(accepted(1_000), dialled(1_000 - CROSSING_MS), false)).toBe(false);
  });

  it('takes the newest beyond that: the peer only dials when it holds no link, so the old one is half-open', () => {
    expect(replacesCurrent(accepted(1_001 + CROSSING_MS), dialled(1_000), false)).toBe(true);
    expect(replacesCurrent(dialled(1_001 + CROSSING_MS), dialled(1_000), false)).toBe(true);
    expect(replacesCurrent(accepted(1_100), accepted(1_000), false)).toBe(true);
  });

  it('takes the newest at once when the peer said that it gave the old one up', () => {
    expect(replacesCurrent(accepted(1_001), dialled(1_000), true)).toBe(true);
  });
});
