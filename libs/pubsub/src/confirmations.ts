/** Publications whose publisher waits to hear what became of them. */
import { ClusterError, type ConfirmOutcome, type Member } from '@rookery/mesh';
import type { Clock, Timer } from '@rookery/runtime';

/** Members by what became of the publication there. */
export interface ConfirmedPublication {
  /** All its handlers are done, or it has none for this topic. */
  readonly confirmed: readonly Member[];
  /** A handler threw, a gap took its place, or the member is gone. */
  readonly failed: readonly Member[];
  /** Not heard of in time. The publication may still arrive. */
  readonly pending: readonly Member[];
}

/** More publications than this waiting at once would only be memory. */
const MAX_PENDING = 10_000;

interface Pending {
  readonly waiting: Map<string, Member>;
  readonly confirmed: Member[];
  readonly failed: Member[];
  readonly timer: Timer;
  readonly resolve: (result: ConfirmedPublication) => void;
}

export class Confirmations {
  private readonly pending = new Map<number, Pending>();

  constructor(private readonly clock: Clock) {}

  /** @throws ClusterError `CLUSTER_TOO_MANY_PENDING`; called before publishing, so nothing was sent then. */
  assertRoom(): void {
    if (this.pending.size < MAX_PENDING) return;
    throw new ClusterError(
      'CLUSTER_TOO_MANY_PENDING',
      `${MAX_PENDING} publications wait for confirmation already. Await publishConfirmed before the next call, or use publish.`,
    );
  }

  /** Resolves when all `members` answered for publication `seq`, or after `timeoutMs`. Never rejects. */
  wait(seq: number, members: readonly Member[], timeoutMs: number): Promise<ConfirmedPublication> {
    if (members.length === 0) return Promise.resolve({ confirmed: [], failed: [], pending: [] });
    return new Promise((resolve) => {
      this.pending.set(seq, {
        waiting: new Map(members.map((member) => [member.incarnation, member])),
        confirmed: [],
        failed: [],
        timer: this.clock.after(timeoutMs, () => this.finish(seq)),
        resolve,
      });
    });
  }

  note(from: Member, seq: number, outcome: ConfirmOutcome): void {
    const pending = this.pending.get(seq);
    if (pending === undefined || !pending.waiting.delete(from.incarnation)) return;
    const isConfirmed = outcome === 'handled' || outcome === 'no-handler';
    (isConfirmed ? pending.confirmed : pending.failed).push(from);
    if (pending.waiting.size === 0) this.finish(seq);
  }

  /** `member` is gone: it will confirm nothing any more. */
  noteGone(member: Member): void {
    for (const seq of [...this.pending.keys()]) this.note(member, seq, 'failed');
  }

  /** This node leaves: whoever waits gets what is known. */
  close(): void {
    for (const seq of [...this.pending.keys()]) this.finish(seq);
  }

  private finish(seq: number): void {
    const pending = this.pending.get(seq);
    if (pending === undefined) return;
    this.pending.delete(seq);
    pending.timer.cancel();
    const { confirmed, failed, waiting } = pending;
    pending.resolve({ confirmed, failed, pending: [...waiting.values()] });
  }
}
