/** What waits for one database connection to commit: savepoint by savepoint, exactly as the database nests them. */
import { type CommitAction, type CommitHold, runCommitted } from '../events/after-commit.js';

/**
 * Follows the transactions of one connection. It is told what the connection did, rather than which piece of code ended,
 * since pieces of code that share a connection also share its transaction: what one of them believes to have committed
 * may have been a savepoint that the other one's rollback undoes.
 */
export class CommitLedger implements CommitHold {
  /** One list for the transaction and one for each savepoint in it. */
  private readonly levels: CommitAction[][] = [];

  get isOpen(): boolean {
    return this.levels.length > 0;
  }

  hold(action: CommitAction): void {
    this.levels.at(-1)!.push(action);
  }

  /** A transaction or savepoint began. */
  begin(): void {
    this.levels.push([]);
  }

  /**
   * The innermost level was committed. What it holds passes to the level around it.
   * @param isOutermost whether nothing is open any more, so that the data is durable: everything held happens now
   * @returns when something was held: a promise that settles as {@link runCommitted} does
   */
  commit(isOutermost: boolean): Promise<void> | undefined {
    if (isOutermost) {
      const held = this.levels.splice(0).flat();
      return held.length === 0 ? undefined : runCommitted(held);
    }
    const committed = this.levels.pop() ?? [];
    this.levels.at(-1)?.push(...committed);
    return undefined;
  }

  /** The innermost level was rolled back, or with `isOutermost` the whole transaction: what it holds never happens. */
  rollback(isOutermost: boolean): void {
    if (isOutermost) this.levels.length = 0;
    else this.levels.pop();
  }
}
