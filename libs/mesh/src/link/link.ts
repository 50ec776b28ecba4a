/** One connection to one peer: the handshake, its frames in and out, and its cursor into our log. */
import { type Clock, describeError, type Timer } from '@rookery/runtime';
import { ProtocolError } from '../errors.js';
import type { Cursor, PublicationLog } from '../log/publication-log.js';
import type { Peer } from '../membership/peer.js';
import { gapFrame, skipFrame, startFrame } from '../protocol/control-frames.js';
import { FRAME_HELLO, FRAME_REJECT } from '../protocol/frame.js';
import { FrameReader } from '../protocol/frame-reader.js';
import { type Hello, helloFrame, readHello, readReject, type Reject, rejectFrame } from '../protocol/list-frames.js';
import type { Connection } from '../transport/transport.js';
import type { CallLane } from './call-lane.js';

/** A link that was not bound by then is closed: a HELLO is missing, or the START of the end that decides. */
const HANDSHAKE_TIMEOUT_MS = 3_000;

/** What was sent last has this long to leave before the connection is destroyed. */
const END_TIMEOUT_MS = 500;

/** One write of publications at a time, of this size: more would only sit in memory. */
const MAX_SLICE_BYTES = 256 * 1024;

/** Control frames are small and never wait; a peer that makes us buffer this much of them does not read. */
const MAX_BUFFERED_BYTES = 8 * 1024 * 1024;

/** What a link carries for others at a time, on top of its own: more would delay its own heartbeats. */
const MAX_CARRIED_BYTES = 32 * 1024;

/** What a link asks of the mesh that owns it. */
export interface LinkOwner {
  readonly clock: Clock;
  readonly log: PublicationLog;
  readonly maxFrameBytes: number;
  /** Our HELLO, for the peer `to` (empty while it is not known). */
  makeHello(link: Link, to: string): Hello;
  /** Whether the peer may be linked at all. */
  examine(link: Link, hello: Hello): Reject | undefined;
  /** Both HELLOs are through; `link.hello` is known. */
  onReady(link: Link): void;
  /** A frame after the handshake; its body lies at `[start, end)`. Throws `ProtocolError` to close the link. */
  onFrame(link: Link, type: number, bytes: Buffer, start: number, end: number): void;
  /** The peer fell off the window, or skipped a record it does not accept: it was sent a gap up to `to`. */
  onGapSent(link: Link, from: number, to: number): void;
  /** A slice reached the kernel. */
  onWritten(link: Link): void;
  /** Something was sent whose acknowledgement is awaited. */
  onAwaiting(): void;
  onClosed(link: Link, reason: string): void;
}

export class Link {
  /** The peer's HELLO; set once the handshake is done. */
  hello!: Hello;
  peer: Peer | undefined;
  /** Our nonce on this link: names it to both ends. */
  nonce = '';
  /** When there was a connection. */
  readonly openedAt: number;
  readyAt = 0;
  boundAt = 0;
  /** What was received and acknowledged before this link was bound. */
  receivedAtBind = 0;
  acknowledgedAtBind = 0;
  /** The last byte received, and the last one sent. */
  heardAt: number;
  sentAt: number;
  /** Whether the peer's START bound its direction. */
  hasStarted = false;
  /** Whether the peer told what it serves: before, it is not announced here, and nothing of it may be handed up. */
  hasServed = false;
  /** The number that the next publication on this link has. */
  receiveNext = 0;
  /** The peer's receive count when nothing had come another way yet that this link is still to repeat: at our HELLO, at first. */
  receivedWhenLeading = 0;
  /** Since then, publications on this link that we had already, or that it told to be missing once more. */
  duplicates = 0;
  /** Publications received since we last acknowledged. */
  unacknowledged = 0;
  cursor: Cursor | undefined;
  /** The way of calls, once there was one. */
  lane: CallLane | undefined;
  /** When the cursor last moved. */
  movedAt = 0;
  /** The publication whose acknowledgement is awaited, 0 while none is, and since when nothing more was. */
  awaitedSeq = 0;
  awaitedSince = 0;
  private awaitedSentAt = Number.NEGATIVE_INFINITY;
  /** The highest number that was acknowledged on this very link. */
  private acknowledged = 0;
  /** Whether what is written seems not to arrive: publications go another way, until the answer to `provingPing` comes. */
  isStuck = false;
  provingPing = 0;
  nextPingAt = 0;
  pingId = 0;
  pingSentAt = 0;
  roundTripMs: number | undefined;
  /** Whether the peer was sent our whole VIEW on this link. */
  hasSentView = false;
  /** Why the peer refused us, if it said so. */
  rejection: Reject | undefined;
  saidGoodbye = false;
  isClosed = false;
  /** Whether a slice was handed to the connection and did not reach the kernel yet. */
  isWriting = false;
  /** Bytes of RELAY frames that did not reach the kernel yet. */
  private carriedBytes = 0;
  private isReady = false;
  private sentHelloTo: string | undefined;
  private readonly reader = new FrameReader((type, bytes, start, end) => this.onFrame(type, bytes, start, end));
  private readonly handshakeTimer: Timer;
  private readonly onSliceWritten = (): void => {
    this.isWriting = false;
    this.movedAt = this.owner.clock.now();
    if (this.isClosed) return;
    this.pump();
    this.owner.onWritten(this);
  };

  constructor(
    readonly connection: Connection,
    private readonly owner: LinkOwner,
    /** The incarnation that we expect to find, empty if unknown. */
    expected: string,
  ) {
    const { clock } = owner;
    this.openedAt = this.heardAt = this.sentAt = clock.now();
    this.handshakeTimer = clock.after(HANDSHAKE_TIMEOUT_MS, () => {
      clock.afterPoll(() => {
        if (this.boundAt === 0) this.close(this.isReady ? 'no START in time' : 'no handshake in time');
      });
    });
    connection.listen({
      onData: (chunk) => this.onData(chunk),
      onClose: (reason) => this.onConnectionClosed(reason),
    });
    // The acceptor waits: only once it knows who dialled can it say what it has of that peer.
    if (connection.isDialled) this.sendHello(expected);
  }

  get isDialled(): boolean {
    return this.connection.isDialled;
  }

  /** From here on it is the link to its peer. */
  noteBound(now: number): void {
    this.boundAt = this.movedAt = now;
    this.handshakeTimer.cancel();
  }

  /** Sends a control frame at once, ahead of publications that still wait in the log. */
  send(frame: Buffer): void {
    if (this.isClosed) return;
    if (this.connection.bufferedBytes > MAX_BUFFERED_BYTES) {
      this.close('the peer does not read');
      return;
    }
    this.sentAt = this.owner.clock.now();
    this.connection.write(frame);
  }

  /** Sends whole frames that waited for their turn; `onWritten` follows when the kernel has them. */
  write(frames: Buffer, onWritten: () => void): void {
    if (this.isClosed) return;
    this.sentAt = this.owner.clock.now();
    this.connection.write(frames, onWritten);
  }

  /** Whether a RELAY may be sent here now. */
  get mayCarry(): boolean {
    return !this.isClosed && this.hasStarted && !this.isStuck && this.carriedBytes < MAX_CARRIED_BYTES;
  }

  /** Sends a RELAY; only while {@link mayCarry}. */
  carry(frame: Buffer): void {
    this.sentAt = this.owner.clock.now();
    this.carriedBytes += frame.length;
    this.connection.write(frame, () => {
      this.carriedBytes -= frame.length;
    });
  }

  /** Whether everything up to now was handed to the connection, so that what is sent next comes right behind it. */
  get isCaughtUp(): boolean {
    return this.cursor !== undefined && this.cursor.seq > this.owner.log.head;
  }

  /** How many publications for the peer were not handed to the connection yet. */
  get unsent(): number {
    const { cursor, owner } = this;
    if (cursor === undefined || this.isCaughtUp) return 0;
    return owner.log.missedBetween(cursor.seq, owner.log.head, this.hello.incarnation);
  }

  /** Sends what the cursor has, one slice at a time. Harmless to call at any moment. */
  pump(): void {
    const { cursor, owner } = this;
    if (cursor === undefined || this.isClosed) return;
    while (!this.isWriting) {
      const from = cursor.seq;
      const slice = owner.log.next(cursor, this.hello.incarnation, MAX_SLICE_BYTES, this.hello.maxFrameBytes);
      if (slice === undefined) return;
      switch (slice.kind) {
        case 'records':
          this.isWriting = true;
          this.sentAt = owner.clock.now();
          this.connection.write(slice.bytes, this.onSliceWritten);
          if (this.awaitedSeq === 0) this.await(cursor.seq - 1, this.sentAt);
          break;
        case 'skip':
          this.send(skipFrame(slice.count));
          break;
        case 'gap':
          this.sendGap(slice.to, slice.reason, slice.missed);
          owner.onGapSent(this, from, slice.to);
          break;
      }
      if (this.isClosed) return;
    }
  }

  private await(seq: number, now: number): void {
    this.awaitedSeq = seq;
    this.awaitedSince = this.awaitedSentAt = now;
    this.owner.onAwaiting();
  }

  /** This link brought what is newest of the peer, of whom `received` publications are accounted for. */
  noteLeading(received: number): void {
    this.receivedWhenLeading = received;
    this.duplicates = 0;
  }

  /** The peer says on this link that it has everything up to `seq`: a link that makes progress is slow, not stuck. */
  noteAcknowledged(seq: number, now: number): void {
    if (this.awaitedSeq === 0 || seq <= this.acknowledged) return;
    this.acknowledged = seq;
    this.awaitedSince = now;
    if (seq < this.awaitedSeq) return;
    // An end that did not dial pings once, and if that was a bad moment, it must not be taken for the round trip for ever.
    if (this.roundTripMs !== undefined) this.roundTripMs = Math.min(this.roundTripMs, now - this.awaitedSentAt);
    // When the next one was sent is not known.
    this.awaitedSentAt = Number.NEGATIVE_INFINITY;
    const sent = (this.cursor?.seq ?? 0) - 1;
    this.awaitedSeq = sent > seq ? sent : 0;
  }

  /** The peer answered a PING. */
  notePong(id: number, now: number): void {
    if (id === this.pingId) this.roundTripMs = now - this.pingSentAt;
    if (id !== this.provingPing) return;
    this.provingPing = 0;
    this.isStuck = false;
    this.awaitedSince = now;
    if (this.awaitedSeq > 0) this.owner.onAwaiting();
  }

  /** A gap, and the START that follows every gap. */
  sendGap(to: number, reason: 'window' | 'too-large' | 'first-contact', missed: number): void {
    this.send(gapFrame(to, reason, missed));
    this.send(startFrame(to + 1));
  }

  /** Tells the peer why, then closes. `reason` is for our own log. */
  reject(reject: Reject, reason = reject.text): void {
    this.send(rejectFrame(reject));
    this.endConnection(reason);
    this.detach(reason);
  }

  /** Closes at once. */
  close(reason: string): void {
    this.connection.destroy(reason);
    this.detach(reason);
  }

  /** Sends what is buffered, then closes; what the peer still sends is discarded. */
  end(reason: string): void {
    this.endConnection(reason);
    this.detach(reason);
  }

  /** A peer that does not close its end must not keep ours open. */
  private endConnection(reason: string): void {
    const { connection, owner } = this;
    connection.end();
    const timer = owner.clock.after(END_TIMEOUT_MS, () => connection.destroy(reason));
    connection.onClosed(() => timer.cancel());
  }

  private onConnectionClosed(reason: string): void {
    this.detach(reason);
  }

  /** From here on the link is dead to its owner; called once, whoever closed. */
  private detach(reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.cursor = undefined;
    this.handshakeTimer.cancel();
    this.owner.onClosed(this, reason);
  }

  private onData(chunk: Buffer): void {
    if (this.isClosed) return;
    this.heardAt = this.owner.clock.now();
    try {
      this.reader.push(chunk);
    } catch (error) {
      // Whatever a peer's bytes do to us ends its link and nothing else.
      this.close(
        error instanceof ProtocolError ? `protocol error: ${error.message}` : `error: ${describeError(error)}`,
      );
    }
  }

  private onFrame(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.isReady) this.owner.onFrame(this, type, bytes, start, end);
    else this.onHandshakeFrame(type, bytes, start, end);
    return !this.isClosed;
  }

  private onHandshakeFrame(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === FRAME_REJECT) {
      this.rejection = readReject(bytes, start, end);
      this.close(`refused: ${this.rejection.text}`);
      return;
    }
    if (type !== FRAME_HELLO) throw new ProtocolError(`a frame of type ${type} before the handshake`);
    const hello = readHello(bytes, start, end);
    const objection = this.owner.examine(this, hello);
    if (objection !== undefined) return this.reject(objection, `this node refused it: ${objection.code}`);
    this.hello = hello;
    const self = this.sendHelloOnce(hello.incarnation);
    // A dialler that did not know whom it would find says HELLO again, now that it does.
    if (hello.to === self) this.becomeReady();
  }

  /** Sends our HELLO to `peer` unless that very one was sent before; returns our incarnation. */
  private sendHelloOnce(peer: string): string {
    if (this.sentHelloTo !== peer) this.sendHello(peer);
    return this.ownIncarnation;
  }

  private ownIncarnation = '';

  private sendHello(to: string): void {
    const hello = this.owner.makeHello(this, to);
    this.ownIncarnation = hello.incarnation;
    this.nonce = hello.nonce;
    this.sentHelloTo = to;
    this.send(helloFrame(hello));
  }

  private becomeReady(): void {
    this.isReady = true;
    this.readyAt = this.owner.clock.now();
    this.reader.endHandshake(this.owner.maxFrameBytes);
    this.owner.onReady(this);
  }
}
