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
  /** Since when the item that is running runs, or waited before it ran. */
  private busySince = 0;

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

  /** Since when the oldest item that is not done is here, whether it waits or runs, in monotonic milliseconds. */
  get behindSince(): number | undefined {
    return this.isBusy ? this.busySince : undefined;
  }

  private get size(): number {
    return this.waiting.length - this.first;
  }

  /** Runs `item` now if nothing is pending, else queues it. The caller looked at {@link isFull}, if the item is one that may be dropped. */
  offer(item: LaneItem): void {
    if (this.isBusy) {
      this.waiting.push({ item, since: this.clock.now() });
      this.waitingBytes += item.bytes;
    } else this.hold(item.run(this));
  }

  /** Something runs on this lane already: whatever is offered until `done` settles waits for it. */
  hold(done: Promise<void> | undefined, since?: number): void {
    if (done === undefined) return;
    this.isBusy = true;
    this.busySince = since ?? this.clock.now();
    void done.then(this.goOn);
  }

  private readonly goOn = (): void => {
    this.isBusy = false;
    while (!this.isBusy) {
      const next = this.waiting[this.first];
      if (next === undefined) break;
      this.waiting[this.first] = undefined as never;
      this.first++;
      this.waitingBytes -= next.item.bytes;
      this.hold(next.item.run(this), next.since);
    }
    if (this.first === this.waiting.length || this.first > 1_024) {
      this.waiting = this.waiting.slice(this.first);
      this.first = 0;
    }
  };
}
