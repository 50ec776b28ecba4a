/** The flags that there are after the first start: those that the landing page looks at. */
import type { Fleet } from '../fleet/fleet.service.js';
import { requestJson } from '../json-request.js';
import type { FlagChanges } from './flag-changes.service.js';

export const FIRST_FLAGS = [
  { key: 'dark-mode', enabled: false, description: 'The landing page in dark colours' },
  { key: 'promo-banner', enabled: true, description: 'A banner above the landing page' },
  { key: 'new-pricing', enabled: false, description: 'Monthly plans instead of prices by the bag' },
  { key: 'checkout-v2', enabled: false, description: 'One step to the first box instead of three' },
] as const;

/** Makes them through an api, if its database holds no flag at all. */
export async function makeFirstFlags(fleet: Fleet, changes: FlagChanges): Promise<void> {
  const api = fleet.replicas().find(({ app, state }) => app === 'api' && state === 'up');
  if (api === undefined) return;
  const { status, body } = await requestJson(`${api.url}/flags`, { timeoutMs: 2_000 });
  const { flags } = (body ?? {}) as { flags?: unknown[] };
  if (status !== 200 || flags?.length !== 0) return;
  for (const flag of FIRST_FLAGS) await changes.put({ ...flag, via: api.name });
}
