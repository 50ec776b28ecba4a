/** From the topic's bytes in a frame to its subscriptions, without making a string for every event. */
import type { Subscription } from './subscription.js';
import { matches } from './topic.js';

export interface Route {
  readonly topic: string;
  readonly subscriptions: readonly Subscription[];
}

interface Slot extends Route {
  readonly bytes: Uint8Array;
}

const SLOTS = 512;

/** A direct-mapped cache over the subscriptions; a collision costs a lookup, nothing else. */
export class TopicRoutes {
  private slots: (Slot | undefined)[] = new Array<Slot | undefined>(SLOTS).fill(undefined);

  constructor(private readonly subscriptions: ReadonlySet<Subscription>) {}

  /** Forgets what it knows; called when the subscriptions changed. */
  clear(): void {
    this.slots = new Array<Slot | undefined>(SLOTS).fill(undefined);
  }

  /** The route of the topic at `[start, end)` of `bytes`. */
  find(bytes: Buffer, start: number, end: number): Route {
    const length = end - start;
    let hash = length;
    for (let i = start; i < end; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0;
    const index = (hash ^ (hash >>> 9) ^ (hash >>> 18)) & (SLOTS - 1);
    const slot = this.slots[index];
    if (slot !== undefined && slot.bytes.length === length) {
      let i = 0;
      while (i < length && slot.bytes[i] === bytes[start + i]) i++;
      if (i === length) return slot;
    }
    const topic = bytes.toString('utf8', start, end);
    const made: Slot = {
      topic,
      bytes: Uint8Array.prototype.slice.call(bytes, start, end),
      subscriptions: this.match(topic),
    };
    this.slots[index] = made;
    return made;
  }

  /** The subscriptions that hear `topic`. */
  match(topic: string): readonly Subscription[] {
    return [...this.subscriptions].filter((subscription) => matches(subscription.pattern, topic));
  }
}
