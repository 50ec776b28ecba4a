/** The end: everything that was accepted goes out, the others confirm that they have it, and only then comes the goodbye. */
import type { Clock } from '@rookery/runtime';
import type { Link } from '../link/link.js';
import type { Peer } from '../membership/peer.js';
import { byeFrame } from '../protocol/control-frames.js';

/** How long a goodbye waits for what stands before it on a link that is slow. */
const GOODBYE_MS = 500;

export interface FarewellOwner {
  readonly head: number;
  /** Every open link, and those that are bound. */
  readonly links: ReadonlySet<Link>;
  readonly bound: ReadonlySet<Link>;
  /** Peers without a link, to which others carry what we publish. */
  detoured(): Iterable<Peer>;
  /** Whether a peer gave up its link for another one that has not begun yet. */
  isRelinking(): boolean;
  /** Sends what waits. */
  flush(): void;
  /** Asks every linked peer to acknowledge at once. */
  pingAll(): void;
}

export class Farewell {
  private onDrained: (() => void) | undefined;
  /** What must be acknowledged. */
  private drainedHead = 0;
  /** Links that were not told goodbye yet. */
  private readonly parting = new Set<Link>();

  constructor(
    private readonly clock: Clock,
    private readonly owner: FarewellOwner,
  ) {}

  /** Resolves when every peer that we reach has acknowledged everything, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    // Whoever goes on publishing is not waited for: what comes later goes out ahead of the goodbye, unacknowledged.
    this.drainedHead = this.owner.head;
    this.owner.flush();
    this.owner.pingAll();
    if (this.isAcknowledged()) return;
    await new Promise<void>((resolve) => {
      // What was acknowledged while we stalled ourselves is still in the sockets.
      const timer = this.clock.after(timeoutMs, () => this.clock.afterPoll(resolve));
      this.onDrained = () => {
        timer.cancel();
        resolve();
      };
    });
    this.onDrained = undefined;
  }

  /** A peer acknowledged something, or its link is gone. */
  noteAcknowledged(): void {
    if (this.onDrained !== undefined && this.isAcknowledged()) this.onDrained();
  }

  /** Says goodbye on every link, behind all that was accepted as far as the link takes it in time; resolves when all are closed. */
  async say(): Promise<void> {
    const { links, bound } = this.owner;
    const connections = new Set([...links].map(({ connection }) => connection));
    const allClosed = new Promise<void>((resolve) => {
      if (connections.size === 0) resolve();
      for (const connection of connections) {
        connection.onClosed(() => {
          connections.delete(connection);
          if (connections.size === 0) resolve();
        });
      }
    });
    for (const link of [...links]) {
      if (bound.has(link)) this.parting.add(link);
      else link.end('leaving');
    }
    this.owner.flush();
    for (const link of [...this.parting]) this.noteWritten(link);
    const timer = this.clock.after(GOODBYE_MS, () => {
      for (const link of [...this.parting]) this.part(link);
    });
    await allClosed;
    timer.cancel();
  }

  /** A slice reached the kernel. */
  noteWritten(link: Link): void {
    if (link.isCaughtUp && this.parting.has(link)) this.part(link);
  }

  noteClosed(link: Link): void {
    this.parting.delete(link);
    this.noteAcknowledged();
  }

  private part(link: Link): void {
    this.parting.delete(link);
    link.send(byeFrame(this.owner.head, link.unsent));
    link.end('leaving');
  }

  private isAcknowledged(): boolean {
    for (const link of this.owner.bound) if ((link.peer?.acknowledged ?? 0) < this.drainedHead) return false;
    for (const peer of this.owner.detoured()) if (peer.acknowledged < this.drainedHead) return false;
    return !this.owner.isRelinking();
  }
}
