/** Waits for something that may take long, but not longer than a signal lets it. */

/**
 * What `work` gives, or the reason of `signal` as soon as it is aborted. The work itself goes on; what becomes of it then
 * concerns nobody.
 *
 * @example
 * const text = await untilAborted(readFile(path, 'utf8'), signal);
 */
export function untilAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    // A late failure rejects a promise that is settled already, which is nobody's unhandled rejection.
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
