/**
 * Time that a test owns: a queue of events for any number of simulated processes, each with a clock and an event loop of
 * its own. Nothing waits for real; everything happens in the same order each time.
 */
import { promiseHooks } from 'node:v8';
import type { Clock, Timer } from '@rookery/runtime';

/** The phases of an event loop, in the order in which a process that comes back from a pause runs what has gathered. */
export const PHASE_TIMERS = 0;
export const PHASE_POLL = 1;
export const PHASE_CHECK = 2;
type Phase = typeof PHASE_TIMERS | typeof PHASE_POLL | typeof PHASE_CHECK;

/** What happens at one moment, in one process; without a process, to the world around them. */
interface VirtualEvent extends Timer {
  at: number;
  readonly phase: Phase;
  /** When it was meant to happen, and when it was planned: what a pause has put off keeps its order. */
  readonly due: number;
  readonly order: number;
  readonly process: VirtualProcess | undefined;
  fn: (() => void) | undefined;
}

/** 2026-01-01: the wall clock is for display, any date will do. */
const WALL_ORIGIN = 1_767_225_600_000;

/** A turn that goes on so long is a loop without end. */
const MAX_ROUNDS_IN_A_TURN = 10_000;

export class VirtualTime {
  /** Milliseconds since the simulation began. */
  now = 0;
  /** Events that ran. */
  steps = 0;
  private readonly queue: VirtualEvent[] = [];
  private planned = 0;
  private arePromisesMoving = false;
  /** The process whose event runs. */
  private entered: VirtualProcess | undefined;
  private readonly endWatch: () => void;

  constructor() {
    // Real promises settle in microtasks, which this loop must let run; watching for them is cheaper than always waiting.
    const note = (): void => void (this.arePromisesMoving = true);
    this.endWatch = promiseHooks.createHook({ init: note, settled: note }) as () => void;
  }

  /** Call when the simulation is over. */
  close(): void {
    this.endWatch();
  }

  /** Plans an event. With a process it waits while that is paused, and is dropped when that is dead. */
  plan(delayMs: number, phase: Phase, process: VirtualProcess | undefined, fn: () => void): Timer {
    const at = this.now + Math.max(0, delayMs);
    const event: VirtualEvent = {
      at,
      phase,
      due: at,
      order: this.planned++,
      process,
      fn,
      cancel() {
        if (this.fn === undefined) return;
        this.fn = undefined;
        if (this.process !== undefined && this.phase === PHASE_TIMERS) this.process.timers--;
      },
    };
    if (process !== undefined && phase === PHASE_TIMERS) process.timers++;
    this.push(event);
    return event;
  }

  /** Does `fn` in a process: at once, as a part of the event that is running, unless the process is paused. */
  enter(process: VirtualProcess, fn: () => void): void {
    if (process.isDead) return;
    if (process.pausedUntil > this.now || this.entered !== undefined) {
      this.plan(0, PHASE_POLL, process, fn);
      return;
    }
    this.entered = process;
    fn();
  }

  /** Runs everything up to `until`. `afterStep` is called whenever something has happened to a process. */
  async run(until: number, afterStep?: (process: VirtualProcess | undefined) => void): Promise<void> {
    this.arePromisesMoving = true;
    await this.settle(undefined);
    for (;;) {
      const event = this.queue[0];
      if (event === undefined || event.at > until) break;
      this.pop();
      const { fn, process } = event;
      if (fn === undefined) continue;
      if (process !== undefined) {
        if (process.isDead) continue;
        if (process.pausedUntil > event.at) {
          event.at = process.pausedUntil;
          this.push(event);
          continue;
        }
      }
      this.now = event.at;
      event.cancel();
      this.steps++;
      this.entered = process;
      fn();
      const { entered } = this;
      entered?.endTurn();
      if (this.arePromisesMoving) {
        await this.settle(entered);
        // Waiting has moved a promise as well.
        this.arePromisesMoving = false;
      }
      this.entered = undefined;
      afterStep?.(entered);
    }
    this.now = until;
  }

  /** Lets every microtask run that is due, and what they put off to the end of the turn. */
  private async settle(process: VirtualProcess | undefined): Promise<void> {
    do {
      // eslint-disable-next-line rookery/time-and-chance -- real microtasks run only once the real turn is over
      await new Promise((resolve) => setImmediate(resolve));
      this.arePromisesMoving = false;
      process?.endTurn();
    } while (this.arePromisesMoving);
  }

  private push(event: VirtualEvent): void {
    const { queue } = this;
    let index = queue.length;
    queue.push(event);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(event, queue[parent]!)) break;
      queue[index] = queue[parent]!;
      index = parent;
    }
    queue[index] = event;
  }

  private pop(): void {
    const { queue } = this;
    const last = queue.pop()!;
    const { length } = queue;
    if (length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(queue[child + 1]!, queue[child]!)) child++;
      if (!isBefore(queue[child]!, last)) break;
      queue[index] = queue[child]!;
      index = child;
    }
    queue[index] = last;
  }
}

function isBefore(a: VirtualEvent, b: VirtualEvent): boolean {
  if (a.at !== b.at) return a.at < b.at;
  if (a.phase !== b.phase) return a.phase < b.phase;
  if (a.due !== b.due) return a.due < b.due;
  return a.order < b.order;
}

/** One simulated process: its clock, and whether it runs at all. */
export class VirtualProcess implements Clock {
  /** What happens to it before then waits: the process is stopped, or stalls. */
  pausedUntil = 0;
  isDead = false;
  /** Timers that are armed. */
  timers = 0;
  /** How far its wall clock is off. */
  wallOffsetMs = 0;
  private turn: (() => void)[] = [];

  constructor(
    private readonly time: VirtualTime,
    /** Monotonic clocks of two processes have nothing to do with each other. */
    private readonly originMs = 0,
  ) {}

  now(): number {
    return this.time.now + this.originMs;
  }

  wallNow(): number {
    return Math.floor(WALL_ORIGIN + this.time.now + this.wallOffsetMs);
  }

  after(delayMs: number, fn: () => void): Timer {
    // As the host does: at least a millisecond.
    return this.time.plan(Math.max(1, delayMs), PHASE_TIMERS, this, fn);
  }

  afterPoll(fn: () => void): Timer {
    return this.time.plan(0, PHASE_CHECK, this, fn);
  }

  endOfTurn(fn: () => void): void {
    this.turn.push(fn);
  }

  /** Stops it for a while. */
  pause(durationMs: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, this.time.now + durationMs);
  }

  /** Nothing happens to it any more. */
  die(): void {
    this.isDead = true;
    this.turn = [];
  }

  /** Runs `fn` as an event of this process, now. */
  enter(fn: () => void): void {
    this.time.plan(0, PHASE_POLL, this, fn);
  }

  endTurn(): void {
    for (let round = 0; this.turn.length > 0; round++) {
      if (round > MAX_ROUNDS_IN_A_TURN) throw new Error('a turn of a simulated process does not end');
      const { turn } = this;
      this.turn = [];
      for (const fn of turn) fn();
    }
  }
}
