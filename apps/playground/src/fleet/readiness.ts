/** When a replica counts as up. Pure. */
import type { JsonAnswer } from '../json-request.js';

/** It says that it wants requests, and it has loaded the flags: what it shows is then worth looking at. */
export function isReady({ status, body }: JsonAnswer): boolean {
  if (status !== 200 || typeof body !== 'object' || body === null) return false;
  const { status: phase, flags } = body as { status?: unknown; flags?: { loadedAt?: unknown } };
  return phase === 'ready' && typeof flags?.loadedAt === 'string';
}
