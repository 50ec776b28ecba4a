/** Whether a handler's result must be awaited: a promise, or what queries of some libraries are, which begin only then. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
