/** How often something may happen: so often a second, and as often at once. Pure. */

/** A bucket of tokens, full at first. */
export class RateLimit {
  private tokens: number;
  private at = -Infinity;

  /**
   * @param perSecond - how many tokens come back in a second.
   * @param burst - how many there are at most.
   */
  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {
    this.tokens = burst;
  }

  /** Takes a token, if there is one. `now` is in milliseconds, and never goes back. */
  take(now: number): boolean {
    if (now > this.at) {
      const earned = Math.min(this.burst, ((now - this.at) / 1_000) * this.perSecond);
      this.tokens = Math.min(this.burst, this.tokens + earned);
      this.at = now;
    }
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}
