/** Runs something once, in its place in the order of several lanes: after all that each had pending, before all that follows. */
import type { Lane, LaneItem } from './lane.js';

export class Barrier implements LaneItem {
  readonly bytes = 0;
  private missing: number;
  private readonly done: Promise<void>;
  private release!: () => void;
  private isOver = false;

  /**
   * @param lanes those to wait for; each is held until `work` is over
   * @param work must not throw
   */
  constructor(
    lanes: ReadonlySet<Lane>,
    private readonly work: () => Promise<void> | undefined,
  ) {
    this.missing = lanes.size;
    this.done = new Promise((resolve) => (this.release = resolve));
    for (const lane of lanes) lane.offer(this);
  }

  /** A lane got here. The last one to arrive does the work. */
  run(): Promise<void> | undefined {
    if (--this.missing === 0) {
      const pending = this.work();
      if (pending === undefined) this.finish();
      else void pending.then(() => this.finish());
    }
    return this.isOver ? undefined : this.done;
  }

  private finish(): void {
    this.isOver = true;
    this.release();
  }
}
