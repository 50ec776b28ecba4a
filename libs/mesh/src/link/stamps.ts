/**
 * Marks of our own time that peers give back. A heartbeat that echoes one was written after we had said it, however long it
 * was on its way, in a socket, or in the queue of a slow link: its arrival alone would prove nothing about now.
 */

/** A new mark at the most so often: many heartbeats share one under load. */
const STAMP_INTERVAL_MS = 100;
/** So many are remembered, which is a minute and a half at the least. */
const REMEMBERED = 1_024;
/** Marks count from 1 to this, and begin again: two bytes on the wire. 0 is none. */
const LAST_STAMP = 2 ** 14 - 1;

export class Stamps {
  private readonly saidAt = new Float64Array(REMEMBERED);
  private count = 0;

  /** The mark for a heartbeat that is sent now. */
  say(now: number): number {
    if (this.count === 0 || now - this.saidAt[this.count % REMEMBERED]! >= STAMP_INTERVAL_MS) {
      this.count++;
      this.saidAt[this.count % REMEMBERED] = now;
    }
    return this.wireOf(this.count);
  }

  /** When `echo` was first said; undefined when it was not, or too long ago. */
  timeOf(echo: number): number | undefined {
    if (echo < 1 || echo > LAST_STAMP) return undefined;
    const age = (this.wireOf(this.count) - echo + LAST_STAMP) % LAST_STAMP;
    return age < REMEMBERED && age < this.count ? this.saidAt[(this.count - age) % REMEMBERED] : undefined;
  }

  private wireOf(count: number): number {
    return ((count - 1) % LAST_STAMP) + 1;
  }
}
