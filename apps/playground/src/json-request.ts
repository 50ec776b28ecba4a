/** Asks a replica over HTTP. Neither time nor memory is spent without a bound on one that does not answer well. */
import { systemClock } from '@rookery/runtime';

export interface JsonAnswer {
  readonly status: number;
  /** Undefined when it was no JSON. */
  readonly body: unknown;
}

export interface JsonRequest {
  readonly timeoutMs: number;
  /** Sent with PUT; without it the request is a GET. */
  readonly put?: object;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** Rejects when there was no answer in time, or one that is too large. */
export async function requestJson(url: string, { timeoutMs, put }: JsonRequest): Promise<JsonAnswer> {
  const aborter = new AbortController();
  const timer = systemClock.after(timeoutMs, () => aborter.abort(new Error(`no answer within ${timeoutMs} ms`)));
  try {
    const { signal } = aborter;
    const response = await fetch(url, {
      signal,
      redirect: 'error',
      ...(put !== undefined && {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(put),
      }),
    });
    return { status: response.status, body: parse(await read(response)) };
  } finally {
    timer.cancel();
  }
}

async function read(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) throw new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // Such as the error page of something else that serves at this address.
  }
}
