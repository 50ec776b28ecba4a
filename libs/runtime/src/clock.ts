/** Time as the library sees it: the only place that reads a clock or arms a timer. */

/** A pending call; `cancel` is harmless once it ran. */
export interface Timer {
  cancel(): void;
}

/**
 * Everything that depends on time. Protocol decisions use {@link Clock.now} alone, which never jumps;
 * the wall clock is for display. A simulation replaces the whole clock and owns every one of these calls.
 */
export interface Clock {
  /** Monotonic milliseconds since an arbitrary origin. Never goes back, ignores changes of the wall clock. */
  now(): number;
  /** Milliseconds since the Unix epoch, as the host believes. For display only. */
  wallNow(): number;
  /** Calls `fn` once, `delayMs` from now. The timer does not keep the process alive. */
  after(delayMs: number, fn: () => void): Timer;
  /**
   * Calls `fn` once all I/O that is already waiting in the kernel had a chance to be read. Every verdict about a
   * silent peer goes through here: after a stall of our own, the peer's heartbeats are still in the socket buffer.
   */
  afterPoll(fn: () => void): Timer;
  /** Calls `fn` when the current turn of the program, microtasks included, is over. */
  endOfTurn(fn: () => void): void;
}

/** The longest that a timer of the host can wait: it fires at once for more than these 24.8 days. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** What is wrong with a time to wait that the user gave as `option`, with the mend; undefined when it will do. */
export function delayProblem(option: string, value: unknown): string | undefined {
  if (typeof value === 'number' && value >= 0 && value <= MAX_DELAY_MS) return undefined;
  return `${option}: must be a number of milliseconds from 0 to ${MAX_DELAY_MS}.`;
}

/** The real clock of the host. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  after(delayMs, fn) {
    const handle = setTimeout(fn, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  afterPoll(fn) {
    const handle = setImmediate(fn);
    return { cancel: () => clearImmediate(handle) };
  },
  endOfTurn: (fn) => process.nextTick(fn),
};
