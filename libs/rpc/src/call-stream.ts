/** A stream of answers as an async iterator: the other side is granted more only as values are taken. */
import type { CallOptions, OpenCall } from './call.js';
import type { ClusterCallError } from './errors.js';
import type { OutgoingCalls } from './outgoing-calls.js';

export class CallStream implements AsyncIterator<unknown> {
  private readonly ready: { readonly value: unknown; readonly bytes: number }[] = [];
  private readonly takers: { resolve(result: IteratorResult<unknown>): void; reject(error: unknown): void }[] = [];
  private error: Error | undefined;
  private state: 'open' | 'failed' | 'done' = 'open';
  private readonly call: OpenCall | undefined;
  private readonly stopListening: (() => void) | undefined;

  constructor(calls: OutgoingCalls, pattern: string, data: unknown, options: CallOptions) {
    const { signal } = options;
    if (signal?.aborted === true) {
      this.fail(signal.reason as Error);
      return;
    }
    this.call = calls.open('call', pattern, data, options, {
      isPulling: true,
      next: (value, _from, bytes) => this.give(value, bytes),
      complete: () => this.finish(),
      error: (error: ClusterCallError) => this.fail(error),
    });
    if (signal === undefined) return;
    const onAbort = (): void => {
      this.call?.cancel();
      this.fail(signal.reason as Error);
    };
    // A getter of the data may have aborted it meanwhile.
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    this.stopListening = () => signal.removeEventListener('abort', onAbort);
  }

  next(): Promise<IteratorResult<unknown>> {
    const first = this.ready.shift();
    if (first !== undefined) {
      this.call?.grant(first.bytes);
      return Promise.resolve({ done: false, value: first.value });
    }
    if (this.state === 'done') return Promise.resolve({ done: true, value: undefined });
    if (this.state === 'failed') {
      this.state = 'done';
      return Promise.reject(this.error!);
    }
    return new Promise((resolve, reject) => this.takers.push({ resolve, reject }));
  }

  /** The reader goes: the other side is told. */
  return(): Promise<IteratorResult<unknown>> {
    this.call?.cancel();
    this.ready.length = 0;
    this.finish();
    return Promise.resolve({ done: true, value: undefined });
  }

  private give(value: unknown, bytes: number): void {
    const taker = this.takers.shift();
    if (taker === undefined) {
      this.ready.push({ value, bytes });
      return;
    }
    this.call?.grant(bytes);
    taker.resolve({ done: false, value });
  }

  private finish(): void {
    if (this.state === 'open') this.state = 'done';
    this.stopListening?.();
    for (const taker of this.takers.splice(0)) taker.resolve({ done: true, value: undefined });
  }

  private fail(error: Error): void {
    if (this.state !== 'open') return;
    this.stopListening?.();
    this.state = 'failed';
    this.error = error;
    const taker = this.takers.shift();
    if (taker === undefined) return;
    this.state = 'done';
    taker.reject(error);
    for (const other of this.takers.splice(0)) other.resolve({ done: true, value: undefined });
  }
}
