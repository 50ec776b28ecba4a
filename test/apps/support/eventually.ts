/** Waits for a condition instead of for a time. */
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 10;

/** Resolves with the first truthy value of the condition; rejects, with its last error if any, when the time is over. */
export async function eventually<T>(condition: () => T | Promise<T>, timeoutMs = 10_000): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = new Error(`Not so within ${timeoutMs} ms: ${condition.toString()}`);
  while (performance.now() < deadline) {
    try {
      const value = await condition();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    await pause(POLL_MS);
  }
  throw last;
}
