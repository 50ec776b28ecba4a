/** How a playground is told from anything else that may serve at an address. */
import { requestJson } from '../json-request.js';

export interface Identity {
  readonly playground: true;
  readonly pid: number;
}

/** Whether a playground answers at this address. */
export async function isPlayground(url: string): Promise<boolean> {
  try {
    const { status, body } = await requestJson(new URL('/identity', url).href, { timeoutMs: 1_000 });
    return status === 200 && (body as Partial<Identity> | undefined)?.playground === true;
  } catch {
    return false; // Nobody there, or nobody who speaks HTTP.
  }
}
