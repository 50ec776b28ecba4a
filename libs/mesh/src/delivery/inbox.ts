/** The way in: what a bound link brings, put in order against what was had already. Nothing is handed up twice, nothing is left out untold. */
import type { Clock } from '@rookery/runtime';
import { ProtocolError } from '../errors.js';
import type { Heartbeats } from '../link/heartbeats.js';
import type { Link } from '../link/link.js';
import { boundedNextMs } from '../link/liveness.js';
import type { GapReason } from '../membership/member.js';
import type { Peer } from '../membership/peer.js';
import type { MeshSink } from '../mesh-sink.js';
import type { Heartbeat } from '../protocol/control-frames.js';
import { FRAME_PING, type FRAME_PONG } from '../protocol/frame.js';

export interface InboxOwner {
  /** The number of our own newest publication. */
  readonly head: number;
  /** A peer acknowledged more of ours. */
  onAcknowledged(): void;
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
    peer.received++;
    peer.proveFreshness();
    this.sink.onPublication(peer.member, seq, bytes, start, end, seq <= peer.metHead);
  }

  onSkip(link: Link, peer: Peer, count: number): void {
    link.receiveNext += count;
    if (link.receiveNext - 1 > peer.last) {
      peer.last = link.receiveNext - 1;
      peer.proveFreshness();
    }
  }

  onGap(link: Link, peer: Peer, gap: { to: number; reason: GapReason; missed: number }): void {
    if (!link.hasServed) throw new ProtocolError('a gap before SERVES');
    // What an earlier link delivered, or told to be missing, between our HELLO and now, and this one did not repeat yet.
    // Numbers that were for others are in neither count.
    const known = link.receiveNext <= peer.last ? peer.received - link.receivedAtHello - link.duplicates : 0;
    link.receiveNext = gap.to + 1;
    if (gap.to <= peer.last) {
      link.duplicates += gap.missed;
      return;
    }
    peer.last = gap.to;
    peer.proveFreshness();
    const missed = Math.max(0, gap.missed - Math.max(0, known));
    // Everything in between was meant for others: nothing is missing here.
    if (missed === 0) return;
    peer.received += missed;
    this.sink.onGap({ from: peer.member, reason: gap.reason, missed });
  }

  onHeartbeat(link: Link, peer: Peer, type: typeof FRAME_PING | typeof FRAME_PONG, beat: Heartbeat): void {
    const now = this.clock.now();
    const { head } = this.owner;
    peer.nextMs = boundedNextMs(beat.nextMs);
    const isAnswer = type !== FRAME_PING && beat.id !== 0 && beat.id === link.pingId;
    // An answer is younger than its question. What was not asked for may have lain in the socket while we stood still: dated
    // by its arrival it would prove that we are caught up, when what came after it was cut off with the link.
    peer.learnHead(beat.head, isAnswer ? link.pingSentAt : this.heartbeats.polledAt);
    if (beat.ack > head) throw new ProtocolError(`the peer acknowledges ${beat.ack} of ${head} publications`);
    if (beat.ack > peer.acknowledged) {
      peer.acknowledged = beat.ack;
      this.owner.onAcknowledged();
    }
    if (type === FRAME_PING) this.heartbeats.pong(link, beat.id);
    else if (isAnswer) link.roundTripMs = now - link.pingSentAt;
  }
}
