/**
 * How many handshakes run at a time. They cost both ends time of a processor: where many nodes start at once on few
 * processors, more of them together only make all of them late, and what is late is done again. So few begin, one more with
 * each success, and half as many when one took too long (additive increase, multiplicative decrease, as in RFC 5681).
 */

const FIRST_LIMIT = 4;
const MIN_LIMIT = 2;
const MAX_LIMIT = 16;

export class HandshakeSlots {
  private limit = FIRST_LIMIT;
  private running = 0;
  private readonly waiting = new Set<() => void>();
  /** Those that go before all that wait. */
  private readonly urgent = new Set<() => void>();

  /**
   * Calls `begin` once there is room; returns what must be called when the handshake is over, or is not wanted any more.
   * Before that `slow` may be said of one that has begun: it goes on, and its room is another one's.
   *
   * @param isUrgent whether it goes before those that are not
   */
  enter(begin: () => void, isUrgent = false): (outcome: 'done' | 'late' | 'failed' | 'slow') => void {
    let isOver = false;
    let isSlow = false;
    const queue = isUrgent ? this.urgent : this.waiting;
    const start = (): void => {
      this.running++;
      begin();
    };
    if (this.running < this.limit) start();
    else queue.add(start);
    return (outcome) => {
      if (isOver) return;
      isOver = outcome !== 'slow';
      if (queue.delete(start)) return;
      if (!isSlow) this.running--;
      isSlow = outcome === 'slow';
      if (outcome === 'done') this.limit = Math.min(this.limit + 1, MAX_LIMIT);
      if (outcome === 'late') this.limit = Math.max(this.limit >> 1, MIN_LIMIT);
      this.goOn();
    };
  }

  private goOn(): void {
    for (const queue of [this.urgent, this.waiting]) {
      for (const start of queue) {
        if (this.running >= this.limit) return;
        queue.delete(start);
        start();
      }
    }
  }
}
