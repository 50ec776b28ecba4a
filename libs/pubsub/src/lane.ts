/** A queue whose items run one at a time, in order. A lane with nothing pending runs an item at once, with no promise. */
import type { Clock } from '@rookery/runtime';

/** Something to do in its place in the order. */
export interface LaneItem {
  /** What it occupies while it waits. */
  readonly bytes: number;
  /** Runs it; a promise makes the following items wait. Must not throw. */
  run(lane: Lane): Promise<void> | undefined;
}

export interface LaneLimits {
  readonly maxItems: number;
  readonly maxBytes: number;
}

interface Waiting {
  readonly item: LaneItem;
  readonly since: number;
}

export class Lane {
  private waiting: Waiting[] = [];
  private first = 0;
  private waitingBytes = 0;
  private isBusy = false;
  /** Since when the item that runs, or is pending, is here; undefined while none is, and for one that runs without having waited. */
  private pendingSince: number | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly limits: LaneLimits,
  ) {}

  /** Whether an item offered now would run at once. */
  get isIdle(): boolean {
    return !this.isBusy;
  }

  /** Whether no more events may be queued. */
  get isFull(): boolean {
    return this.size >= this.limits.maxItems || this.waitingBytes >= this.limits.maxBytes;
  }

  /** The item that would run last. */
  get last(): LaneItem | undefined {
    return this.waiting[this.waiting.length - 1]?.item;
  }

  /** Since when the oldest item that is not done is here, whether it waits or is pending, in monotonic milliseconds. */
  get behindSince(): number | undefined {
    return this.pendingSince;
  }

  private get size(): number {
    return this.waiting.length - this.first;
  }

  /** Runs `item` now if nothing is pending, else queues it. The caller looked at {@link isFull}, if the item is one that may be dropped. */
  offer(item: LaneItem): void {
    if (this.isBusy) {
      this.waiting.push({ item, since: this.clock.now() });
      this.waitingBytes += item.bytes;
      return;
    }
    this.enter();
    let done: Promise<void> | undefined;
    try {
      done = item.run(this);
    } finally {
      this.leave(done);
    }
  }

  /** The caller runs something on this idle lane itself, and calls {@link leave} when that returns. */
  enter(): void {
    this.isBusy = true;
  }

  /** What ran returned: whatever was offered meanwhile, and until `done` settles if it is a promise, comes after it. */
  leave(done: Promise<void> | undefined): void {
    if (done !== undefined) this.wait(done, this.clock.now());
    else if (this.size > 0) this.goOn();
    else this.isBusy = false;
  }

  private wait(done: Promise<void>, since: number): void {
    this.pendingSince = since;
    void done.then(this.goOn);
  }

  private readonly goOn = (): void => {
    for (;;) {
      const next = this.waiting[this.first];
      // Also while it runs: a handler that asks whether all is fresh may be working off a backlog itself.
      this.pendingSince = next?.since;
      if (next === undefined) {
        this.isBusy = false;
        break;
      }
      this.waiting[this.first] = undefined as never;
      this.first++;
      this.waitingBytes -= next.item.bytes;
      this.isBusy = true;
      const done = next.item.run(this);
      if (done === undefined) continue;
      this.wait(done, next.since);
      break;
    }
    if (this.first === this.waiting.length || this.first > 1_024) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
  };
}
