/** From a plain function to a responder: a value, a promise, or an async iterable, which is asked for more as its reader keeps up. */
import { isThenable } from '@rookery/runtime';
import type { CallHandler, Reply, Responder } from './call.js';

export function responderOf(handler: CallHandler): Responder {
  return (data, context, reply) => {
    try {
      const result = handler(data, context);
      if (isThenable(result))
        result.then(
          (value) => answer(value, reply),
          (error: unknown) => reply.fail(error),
        );
      else answer(result, reply);
    } catch (error) {
      reply.fail(error);
    }
  };
}

/** Answers with what a handler gave. */
export function answer(result: unknown, reply: Reply): void {
  if (isAsyncIterable(result)) void pull(result, reply);
  else reply.complete(result);
}

/**
 * Sends a stream value by value, as its reader keeps up; a reader that goes away ends the source. Never rejects.
 * @param fail what becomes of what the source throws
 */
export async function pull(
  source: AsyncIterable<unknown>,
  reply: Reply,
  fail = (error: unknown): void => reply.fail(error),
): Promise<void> {
  try {
    const iterator = source[Symbol.asyncIterator]();
    let isStopped = false;
    // A generator that waits for something hears of it when it goes on; others, such as streams, at once.
    const stop = (): void => {
      if (isStopped) return;
      isStopped = true;
      void Promise.resolve(iterator.return?.()).catch(ignore);
    };
    reply.onAbort(stop);
    while (reply.isOpen) {
      const result: IteratorResult<unknown, unknown> = await iterator.next();
      if (result.done === true) return reply.end();
      if (!reply.next(result.value)) await reply.writable();
    }
    stop();
  } catch (error) {
    fail(error);
  }
}

/** Of an iterable that fails when it is told to stop: nobody waits for it any more. */
function ignore(): void {}

/** Never throws: a value that cannot even be looked at is refused when it is encoded. */
export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  try {
    return typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function';
  } catch {
    return false;
  }
}
