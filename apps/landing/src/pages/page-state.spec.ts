import { describe, expect, it } from '@jest/globals';
import type { Flag } from '@rookery/feature-flags';
import { type FlagsReader, pageState } from './page-state.js';

function reader(states: Record<string, boolean>, stale = false): FlagsReader {
  const list = Object.entries(states).map(([key, enabled]): Flag => ({
    key,
    enabled,
    description: '',
    version: 1,
    updatedAt: '2030-01-01T00:00:00.000Z',
  }));
  const get = (key: string) => list.find((flag) => flag.key === key);
  return {
    list: () => list,
    get,
    isEnabled: (key, fallback = false) => get(key)?.enabled ?? fallback,
    status: () => ({ stale, reasons: stale ? ['gap: changes made by api-1'] : [], loadedAt: null }),
  };
}

describe('pageState', () => {
  it('shows the plain page while there are no flags', () => {
    expect(pageState(reader({}), 'landing-1')).toEqual({
      theme: 'auto',
      promoBanner: false,
      newPricing: false,
      checkoutV2: false,
      stale: false,
      doubts: [],
      servedBy: 'landing-1',
      flags: [],
      flagsNotShown: 0,
    });
  });

  it('follows the flags', () => {
    const state = pageState(reader({ 'promo-banner': true, 'new-pricing': true, 'checkout-v2': false }, true), 'x');
    expect(state).toMatchObject({ promoBanner: true, newPricing: true, checkoutV2: false, stale: true });
    expect(state.doubts).toEqual([expect.stringContaining('A change may have passed us by')]);
  });

  it.each([
    [{}, 'auto'],
    [{ 'dark-mode': false }, 'light'],
    [{ 'dark-mode': true }, 'dark'],
  ])('makes of the dark-mode flag in %j the theme %s', (states, theme) => {
    expect(pageState(reader(states), 'x').theme).toBe(theme);
  });

  it('shows fifty flags and counts the others', () => {
    const states = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`flag-${i}`, true]));
    const state = pageState(reader(states), 'x');
    expect(state.flags).toHaveLength(50);
    expect(state.flagsNotShown).toBe(10);
  });
});
