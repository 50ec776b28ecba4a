/** The way in: what a bound link brings, put in order against what was had already. Nothing is handed up twice, nothing is left out untold. */
import type { Clock } from '@rookery/runtime';
import { ProtocolError } from '../errors.js';
import type { Heartbeats } from '../link/heartbeats.js';
import type { Link } from '../link/link.js';
import { boundedNextMs } from '../link/liveness.js';
import type { GapReason } from '../membership/member.js';
import type { Peer } from '../membership/peer.js';
import type { MeshSink } from '../mesh-sink.js';
import { type Heartbeat, readConfirm, readGap, readHeartbeat, readNumber } from '../protocol/control-frames.js';
import {
  FRAME_CONFIRM,
  FRAME_GAP,
  FRAME_PING,
  FRAME_PONG,
  FRAME_PUBLICATION,
  FRAME_SKIP,
  FRAME_START,
} from '../protocol/frame.js';
import { forEachFrame } from '../protocol/relay-frame.js';

export interface InboxOwner {
  /** The number of our own newest publication. */
  readonly head: number;
  /** A peer acknowledged more of ours. */
  onAcknowledged(peer: Peer): void;
  /** `peer` reaches us, though not on a link. */
  onReached(peer: Peer): void;
}

export class Inbox {
  constructor(
    private readonly sink: MeshSink,
    private readonly heartbeats: Heartbeats,
    private readonly clock: Clock,
    private readonly owner: InboxOwner,
  ) {}

  /** START on the bound link: which number comes next. At first contact, what is before it happened before we met. */
  onStart(link: Link, peer: Peer, seq: number): void {
    if (!peer.hasStarted) {
      peer.hasStarted = true;
      peer.metHead = link.hello.head;
      if (peer.last === 0) peer.last = Math.max(0, seq - 1);
      peer.proveFreshness();
    }
    if (seq < 1 || seq > peer.last + 1) {
      throw new ProtocolError(`START at ${seq} although ${peer.last} was the last and no gap was told`);
    }
    link.receiveNext = seq;
  }

  onPublication(link: Link, peer: Peer, bytes: Buffer, start: number, end: number): void {
    const seq = link.receiveNext++;
    this.heartbeats.noteReceived(link);
    if (seq <= peer.last) {
      link.duplicates++;
      return;
    }
    peer.last = seq;
    link.noteLeading(++peer.received);
    peer.proveFreshness();
    this.sink.onPublication(peer.member, seq, bytes, start, end, seq <= peer.metHead);
  }

  onSkip(link: Link, peer: Peer, count: number): void {
    link.receiveNext += count;
    if (link.receiveNext - 1 > peer.last) {
      peer.last = link.receiveNext - 1;
      link.noteLeading(peer.received);
      peer.proveFreshness();
    }
  }

  onGap(link: Link, peer: Peer, gap: { to: number; reason: GapReason; missed: number }): void {
    if (!link.hasServed) throw new ProtocolError('a gap before SERVES');
    const known = this.knownOtherwise(link, peer);
    link.receiveNext = gap.to + 1;
    if (gap.to <= peer.last) {
      link.duplicates += gap.missed;
      return;
    }
    peer.last = gap.to;
    peer.proveFreshness();
    const missed = Math.max(0, gap.missed - known);
    peer.received += missed;
    link.noteLeading(peer.received);
    // Everything in between was meant for others: nothing is missing here.
    if (missed === 0) return;
    this.sink.onGap({ from: peer.member, reason: gap.reason, missed });
  }

  /**
   * How many publications came another way, or were told there to be missing, and this link did not repeat yet: what it calls
   * missing from here on may be among them. Numbers that were for others are in neither count.
   */
  knownOtherwise(link: Link, peer: Peer): number {
    if (link.receiveNext > peer.last) return 0;
    return Math.max(0, peer.received - link.receivedWhenLeading - link.duplicates);
  }

  onHeartbeat(link: Link, peer: Peer, type: number, beat: Heartbeat): void {
    const now = this.clock.now();
    this.learn(peer, beat);
    link.noteAcknowledged(peer.acknowledged, now);
    if (type === FRAME_PING) this.heartbeats.pong(link, beat.id);
    else if (beat.id !== 0) link.notePong(beat.id, now);
  }

  /**
   * Frames of `peer` that another member carried: what stands for numbers begins at number `start`, unless that is 0. What
   * begins too late is ignored, for the origin begins again at what was acknowledged. Returns whether that has to be done.
   */
  onRelayed(peer: Peer, start: number, bytes: Buffer, framesStart: number, end: number): boolean {
    let next = start;
    forEachFrame(bytes, framesStart, end, (type, from, to) => {
      if (type === FRAME_PONG) this.learn(peer, readHeartbeat(bytes, from, to));
      else if (type === FRAME_CONFIRM) {
        const { seq, outcome } = readConfirm(bytes, from, to);
        this.sink.onConfirm(peer.member, seq, outcome);
      } else if (type === FRAME_START && start > 0) this.onRelayedStart(peer, start);
      else if (start > 0) next = this.onRelayedNumbers(peer, next, type, bytes, from, to);
      return next >= 0;
    });
    return start > 0;
  }

  /** `peer` is reached by way of others: at first contact, what is before `start` happened before we met. */
  private onRelayedStart(peer: Peer, start: number): void {
    if (!peer.hasStarted) {
      peer.hasStarted = true;
      peer.metHead = peer.toldHead;
      peer.last = start - 1;
      peer.proveFreshness();
    }
    this.owner.onReached(peer);
  }

  /** One frame that stands for numbers from `next` on; returns the number after them, or -1 when it is no use to go on. */
  private onRelayedNumbers(peer: Peer, next: number, type: number, bytes: Buffer, start: number, end: number): number {
    // Nothing of a member comes before `up`.
    if (!peer.isAnnounced || next > peer.last + 1) return -1;
    if (type === FRAME_PUBLICATION) {
      if (next > peer.last) {
        peer.last = next;
        peer.received++;
        peer.proveFreshness();
        this.sink.onPublication(peer.member, next, bytes, start, end, next <= peer.metHead);
      }
      return next + 1;
    }
    if (type === FRAME_SKIP) {
      const after = next + readNumber(bytes, start, end);
      if (after - 1 > peer.last) {
        peer.last = after - 1;
        peer.proveFreshness();
      }
      return after;
    }
    if (type !== FRAME_GAP) return next;
    const { to, reason, missed } = readGap(bytes, start, end);
    if (to < next) throw new ProtocolError(`a gap up to ${to} at ${next}`);
    if (to > peer.last) {
      // A gap of which we have a part cannot be counted: the origin begins again behind it.
      if (next !== peer.last + 1) return -1;
      peer.last = to;
      peer.received += missed;
      peer.proveFreshness();
      if (missed > 0) this.sink.onGap({ from: peer.member, reason, missed });
    }
    return to + 1;
  }

  private learn(peer: Peer, beat: Heartbeat): void {
    const { head } = this.owner;
    peer.nextMs = boundedNextMs(beat.nextMs);
    peer.stamp = beat.stamp;
    // Dated by what it echoes, not by its arrival: it may have lain in a socket while we stood still, or behind seconds of data.
    const saidAt = this.heartbeats.stamps.timeOf(beat.echo) ?? Number.NEGATIVE_INFINITY;
    peer.echoedAt = Math.max(peer.echoedAt, saidAt);
    peer.learnHead(beat.head, saidAt);
    if (beat.ack > head) throw new ProtocolError(`the peer acknowledges ${beat.ack} of ${head} publications`);
    if (beat.ack <= peer.acknowledged) return;
    peer.acknowledged = beat.ack;
    this.owner.onAcknowledged(peer);
  }
}
