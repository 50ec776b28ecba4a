/** Time that stands still until a test moves it, for one piece of code at a time; whole processes live in VirtualTime. */
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

  /** Delays of the timers that are armed, in milliseconds from now. */
  get pending(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.#now);
  }

  /** Moves time on, firing what falls due, in order, and letting promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    while (this.fireNext(end)) await settle();
    this.#now = end;
  }

  /** The same for code without promises. */
  advanceNow(ms: number): void {
    const end = this.#now + ms;
    while (this.fireNext(end));
    this.#now = end;
  }

  private fireNext(end: number): boolean {
    const [next] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (next === undefined) return false;
    const [timer, { at, fn }] = next;
    this.#timers.delete(timer);
    this.#now = at;
    fn();
    return true;
  }
}

/** Lets every promise that can settle without time or I/O do so. */
export function settle(): Promise<void> {
  // eslint-disable-next-line rookery/time-and-chance -- real microtasks run only once the real turn is over
  return new Promise((resolve) => setImmediate(resolve));
}
