/** Time that stands still until a test moves it. */
import type { Clock, Timer } from '@rookery/runtime';

export class ManualClock implements Clock {
  #now = 0;
  readonly #timers = new Map<object, { at: number; fn: () => void }>();

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

  /** Delays of the timers that are armed, in milliseconds from now. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.#now);
  }

  /** Moves time on, firing what falls due, in order, and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (next === undefined) break;
      const [timer, { at, fn }] = next;
      this.#timers.delete(timer);
      this.#now = at;
      fn();
      await settle();
    }
    this.#now = end;
  }
}

/** Lets every promise that can settle without time or I/O do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
