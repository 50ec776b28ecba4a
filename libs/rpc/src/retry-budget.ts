/** How many calls may be tried again: retries must not double the load of a cluster that has too much already. Pure. */

/** So many retries for each call. */
const RETRIES_PER_CALL = 0.1;
/** Where there are few calls: so many a second. */
const RETRIES_PER_SECOND = 10;
/** What was not used is kept up to here. */
const MAX_SAVED = 100;

export class RetryBudget {
  private saved = RETRIES_PER_SECOND;

  constructor(private updatedAt: number) {}

  /** A call was made. */
  noteCall(): void {
    if (this.saved < MAX_SAVED) this.saved += RETRIES_PER_CALL;
  }

  /** Whether one more retry is allowed; it counts as made then. */
  take(now: number): boolean {
    const sinceMs = now - this.updatedAt;
    this.updatedAt = now;
    this.saved = Math.min(MAX_SAVED, this.saved + (sinceMs * RETRIES_PER_SECOND) / 1_000);
    if (this.saved < 1) return false;
    this.saved--;
    return true;
  }
}
