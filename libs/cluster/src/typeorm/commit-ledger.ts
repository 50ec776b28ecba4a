/** What waits for one database connection to commit: savepoint by savepoint, exactly as the database nests them. */
import { type CommitAction, type CommitHold, runCommitted } from '../events/after-commit.js';

/**
 * Follows the transactions of one connection. It is told what the connection did, rather than which piece of code ended,
 * since pieces of code that share a connection also share its transaction: what one of them believes to have committed
 * may have been a savepoint that the other one's rollback undoes.
 */
export class CommitLedger {
  /** One list for the transaction and one for each savepoint in it. */
  private readonly levels: CommitAction[][] = [];
  private transactions = 0;

  get isOpen(): boolean {
    return this.levels.length > 0;
  }

  /**
   * The transaction that is open now, and no later one of this connection: what is left running when it ends must not
   * share the fate of whoever uses the connection next.
   *
   * @param outer takes what comes when that transaction is over
   */
  current(outer: CommitHold | undefined): CommitHold {
    const transaction = this.isOpen ? this.transactions : undefined;
    const isOwn = (): boolean => this.isOpen && this.transactions === transaction;
    return {
      get isOpen() {
        return isOwn() || outer?.isOpen === true;
      },
      hold: (action) => (isOwn() ? this.levels.at(-1)!.push(action) : outer?.hold(action)),
    };
  }

  /** A transaction or savepoint began. */
  begin(): void {
    if (!this.isOpen) this.transactions++;
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
    // A single level is a savepoint of a transaction whose begin was missed: it waits for the end of that one.
    if (this.levels.length > 1) {
      const committed = this.levels.pop()!;
      this.levels.at(-1)!.push(...committed);
    }
    return undefined;
  }

  /** The innermost level was rolled back, or with `isOutermost` the whole transaction: what it holds never happens. */
  rollback(isOutermost: boolean): void {
    if (isOutermost) this.levels.length = 0;
    else this.levels.pop();
  }
}
