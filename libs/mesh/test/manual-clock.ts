/** Time that stands still until a test moves it. */
import type { Clock, Timer } from '@rookery/runtime';

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<Timer, { readonly at: number; readonly fn: () => void }>();

  now(): number {
    return this.#now;
  }

  wallNow(): number {
    return Date.UTC(2030, 0, 1) + this.#now;
  }

  after(delayMs: number, fn: () => void): Timer {
    const timer = { cancel: () => void this.#timers.delete(timer) };
    this.#timers.set(timer, { at: this.#now + delayMs, fn });
    return timer;
  }

  afterPoll(fn: () => void): Timer {
    return this.after(0, fn);
  }

  endOfTurn(fn: () => void): void {
    this.after(0, fn);
  }

  /** Moves time on, firing what falls due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      const [timer, { at, fn }] = next;
      this.#timers.delete(timer);
      this.#now = at;
      fn();
    }
    this.#now = end;
  }
}
