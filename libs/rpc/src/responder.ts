/** From a plain function to a responder: a value, a promise, or an async iterable, which is asked for more as its reader keeps up. */
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

/** Sends a stream value by value, as its reader keeps up; a reader that goes away ends the source. */
export async function pull(source: AsyncIterable<unknown>, reply: Reply): Promise<void> {
  try {
    for await (const value of source) {
      if (!reply.isOpen) return;
      if (!reply.next(value)) await reply.writable();
      if (!reply.isOpen) return;
    }
    reply.end();
  } catch (error) {
    reply.fail(error);
  }
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<AsyncIterable<unknown>>)[Symbol.asyncIterator] === 'function'
  );
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
