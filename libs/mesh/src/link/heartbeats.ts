/** Speaks on every bound link often enough, notices silence, and acknowledges what arrived. */
import type { Clock, Random, Timer } from '@rookery/runtime';
import { heartbeatFrame } from '../protocol/control-frames.js';
import { FRAME_PING, FRAME_PONG } from '../protocol/frame.js';
import type { Peer } from '../membership/peer.js';
import type { Link } from './link.js';
import { Stamps } from './stamps.js';
import { heartbeatIntervalMs, INTERVAL_JITTER, silenceLimitMs } from './liveness.js';

/** How often all links are looked at. Finer than any interval, coarse enough to cost nothing. */
const TICK_MS = 250;
/** A tick that comes so late was held up by this very process, or by whoever stopped it. */
const STALL_MS = 1_000;
/** What a stall has caused comes to light within this time after it. */
const AFTERMATH_MS = 1_000;
/** A publication is acknowledged by then, when nothing else carries the acknowledgement. */
const ACK_DELAY_MS = 50;
/** ... or once this many gathered. */
const ACK_EVERY = 256;

/** What is said to a peer that is not known yet. */
const NOBODY = { last: 0, stamp: 0 };

export interface HeartbeatsOwner {
  boundLinks(): ReadonlySet<Link>;
  /** The newest number of our log. */
  readonly head: number;
  /** Everything else that must be looked at now and then. */
  onTick(): void;
}

export class Heartbeats {
  private ticking: Timer | undefined;
  private ackTimer: Timer | undefined;
  private isAckDue = false;
  /** What dates the heartbeats of others. */
  readonly stamps = new Stamps();
  /** By then, everything in the sockets had been read: what is read now came later, even if this process stood still meanwhile. */
  polledAt: number;
  private isClosed = false;
  /** The last tick, or when ticking began. */
  private tickedAt = Number.POSITIVE_INFINITY;
  private stalledAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly idleBytesPerSecond: number,
    private readonly owner: HeartbeatsOwner,
  ) {
    this.polledAt = clock.now();
  }

  start(): void {
    this.tickedAt = this.clock.now();
    this.ticking = this.clock.after(TICK_MS, () => {
      if (this.isClosed) return;
      this.tick();
      this.start();
    });
  }

  close(): void {
    this.isClosed = true;
    this.ticking?.cancel();
    this.ackTimer?.cancel();
  }

  /** Whether this process itself was held up until now, or until a moment ago: who gave us up meanwhile had every reason to. */
  get wasStalled(): boolean {
    const now = this.clock.now();
    return now - this.tickedAt > TICK_MS + STALL_MS || now - this.stalledAt < AFTERMATH_MS;
  }

  /** How often we speak, given how many links we have. */
  get intervalMs(): number {
    return heartbeatIntervalMs(this.owner.boundLinks().size, this.idleBytesPerSecond);
  }

  ping(link: Link): void {
    const now = this.clock.now();
    link.nextPingAt = now + this.intervalMs * (1 - INTERVAL_JITTER * this.random.next());
    link.pingId = (link.pingId % 0xffff) + 1;
    link.pingSentAt = now;
    this.send(link, FRAME_PING, link.pingId);
  }

  pong(link: Link, id: number): void {
    this.send(link, FRAME_PONG, id);
  }

  /** A publication arrived on `link`. */
  noteReceived(link: Link): void {
    if (++link.unacknowledged >= ACK_EVERY) {
      // Once per turn of the loop at the most, however fast they come.
      if (this.isAckDue) return;
      this.isAckDue = true;
      this.clock.afterPoll(() => {
        this.isAckDue = false;
        this.acknowledge(ACK_EVERY);
      });
    } else {
      this.ackTimer ??= this.clock.after(ACK_DELAY_MS, () => {
        this.ackTimer = undefined;
        this.acknowledge(1);
      });
    }
  }

  private acknowledge(atLeast: number): void {
    if (this.isClosed) return;
    for (const link of this.owner.boundLinks()) if (link.unacknowledged >= atLeast) this.pong(link, 0);
  }

  /** A PONG that answers nothing, for a peer that is reached by way of another one. */
  unsolicited(peer: Peer): Buffer {
    return this.frame(FRAME_PONG, 0, peer, Math.ceil(this.intervalMs));
  }

  private frame(
    type: typeof FRAME_PING | typeof FRAME_PONG,
    id: number,
    peer: Peer | undefined,
    nextMs: number,
  ): Buffer {
    const { head } = this.owner;
    const stamp = this.stamps.say(this.clock.now());
    const { last: ack, stamp: echo } = peer ?? NOBODY;
    return heartbeatFrame(type, { id, head, ack, nextMs, stamp, echo });
  }

  private send(link: Link, type: typeof FRAME_PING | typeof FRAME_PONG, id: number): void {
    // That ticks are late by up to TICK_MS is covered by the second that the receiver adds.
    const ownMs = Math.ceil(this.intervalMs);
    // Who is pinged speaks as often as the dialler pings, however few links it has itself.
    const nextMs = link.isDialled ? ownMs : Math.max(ownMs, link.peer?.nextMs ?? 0);
    link.unacknowledged = 0;
    link.send(this.frame(type, id, link.peer, nextMs));
  }

  private tick(): void {
    const now = this.clock.now();
    const { intervalMs } = this;
    this.clock.afterPoll(() => (this.polledAt = now));
    if (now - this.tickedAt > TICK_MS + STALL_MS) this.stalledAt = now;
    this.tickedAt = now;
    for (const link of this.owner.boundLinks()) {
      if (link.isDialled) {
        if (now >= link.nextPingAt) this.ping(link);
      } else if (link.heardAt > link.sentAt && now - link.sentAt >= intervalMs) this.pong(link, 0);
      if (this.isSilent(link, now)) this.verify(link);
    }
    this.owner.onTick();
  }

  private isSilent(link: Link, now: number): boolean {
    return now - link.heardAt > silenceLimitMs(link.peer?.nextMs ?? 0);
  }

  /** Before a verdict, read what already waits in the socket: the stall may have been our own. */
  private verify(link: Link): void {
    this.clock.afterPoll(() => {
      if (link.isClosed || this.isClosed) return;
      const now = this.clock.now();
      if (this.isSilent(link, now)) link.close(`silent for ${Math.round(now - link.heardAt)} ms`);
    });
  }
}
