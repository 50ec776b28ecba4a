/** One handler of gaps or of member changes: its calls run one at a time. */
import { isThenable } from '@rookery/runtime';
import type { Lane } from './lane.js';
import type { Subscription } from './subscription.js';

export interface WatcherOptions<T> {
  /** Which topics a gap must overlap, where it is one of a subscription. */
  readonly pattern: string | undefined;
  /** The subscription whose gaps it hears, in their place; undefined for those that hear every gap. */
  readonly subscription: Subscription | undefined;
  readonly owner: object | undefined;
  /** Who it is, for logs. */
  readonly label: string;
  readonly handler: (event: T) => unknown;
  readonly onError: (label: string, what: string, error: unknown) => void;
}

export class Watcher<T> {
  private isEnded = false;

  constructor(
    private readonly options: WatcherOptions<T>,
    readonly lane: Lane,
  ) {}

  get pattern(): string | undefined {
    return this.options.pattern;
  }

  get subscription(): Subscription | undefined {
    return this.options.subscription;
  }

  get owner(): object | undefined {
    return this.options.owner;
  }

  get label(): string {
    return this.options.label;
  }

  /** Nothing reaches the handler from here on, not even what waits for it already. */
  end(): void {
    this.isEnded = true;
  }

  /** Calls the handler once its earlier calls are over; settles when it is done. Never rejects. */
  call(event: () => T, what: string): Promise<void> | undefined {
    const { lane } = this;
    if (lane.isIdle) {
      lane.enter();
      let done: Promise<void> | undefined;
      try {
        done = this.run(event(), what);
      } finally {
        lane.leave(done);
      }
      return done;
    }
    return new Promise((resolve) => {
      lane.offer({
        bytes: 0,
        run: () => {
          const done = this.run(event(), what);
          if (done === undefined) resolve();
          else void done.then(resolve);
          return done;
        },
      });
    });
  }

  private run(event: T, what: string): Promise<void> | undefined {
    if (this.isEnded) return undefined;
    const { handler, label, onError } = this.options;
    const fail = (error: unknown): void => onError(label, what, error);
    try {
      const result = handler(event);
      if (isThenable(result)) return Promise.resolve(result).then(() => undefined, fail);
    } catch (error) {
      fail(error);
    }
    return undefined;
  }
}
