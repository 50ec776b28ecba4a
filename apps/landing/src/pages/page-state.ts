/** What the landing page shows, decided from the flags in memory. Pure. */
import type { FeatureFlagsService, Flag } from '@rookery/feature-flags';
import { doubtsOf } from './doubts.js';

/** Rows of the flag list; more are only counted, for the list is pushed to every open page. */
const MAX_FLAGS_SHOWN = 50;

export interface PageState {
  /** `auto` follows the visitor's system: so it is while nobody has made the flag. */
  readonly theme: 'auto' | 'light' | 'dark';
  readonly promoBanner: boolean;
  readonly newPricing: boolean;
  readonly checkoutV2: boolean;
  /** Whether a flag may have changed without this replica knowing. */
  readonly stale: boolean;
  /** Why, in words for visitors; empty when not stale. */
  readonly doubts: readonly string[];
  /** The replica that made the page, or that holds its stream by now. */
  readonly servedBy: string;
  readonly flags: readonly Flag[];
  readonly flagsNotShown: number;
}

/** What the page asks of the flags. */
export type FlagsReader = Pick<FeatureFlagsService, 'isEnabled' | 'get' | 'list' | 'status'>;

export function pageState(flags: FlagsReader, servedBy: string): PageState {
  const list = flags.list();
  const { stale, reasons } = flags.status();
  return {
    theme: themeOf(flags.get('dark-mode')),
    promoBanner: flags.isEnabled('promo-banner'),
    newPricing: flags.isEnabled('new-pricing'),
    checkoutV2: flags.isEnabled('checkout-v2'),
    stale,
    doubts: doubtsOf(reasons),
    servedBy,
    flags: list.slice(0, MAX_FLAGS_SHOWN),
    flagsNotShown: Math.max(0, list.length - MAX_FLAGS_SHOWN),
  };
}

function themeOf(flag: Flag | undefined): PageState['theme'] {
  if (flag === undefined) return 'auto';
  return flag.enabled ? 'dark' : 'light';
}
