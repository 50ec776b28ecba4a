/** The way around one link that is broken or stuck: a second cursor into the log, whose slices a member that hears both carries. */
import type { Link } from '../link/link.js';
import type { Cursor, PublicationLog, Slice } from '../log/publication-log.js';
import type { FirstContact, Peer } from '../membership/peer.js';
import { gapFrame, skipFrame, startFrame } from '../protocol/control-frames.js';
import { FRAME_RELAY, maxFrameLength } from '../protocol/frame.js';
import { MAX_PREFIX_BYTES, relayPrefix } from '../protocol/relay-frame.js';

/**
 * What may be under way without an acknowledgement. It begins small and doubles with every acknowledgement, as TCP does
 * (RFC 5681): the way around may be as slow as what it goes around, and serves its own two ends first.
 */
const MIN_WINDOW_BYTES = 8 * 1024;
const MAX_WINDOW_BYTES = 256 * 1024;
/** One RELAY, unless a single record is larger. */
const MAX_SLICE_BYTES = 8 * 1024;
/** What was not acknowledged by then was dropped on the way. Doubles with each try that brings nothing. */
const RETRY_MIN_MS = 300;
const RETRY_MAX_MS = 5_000;

export class Detour {
  /** Who carries it now. */
  via: Link | undefined;
  /** When the next heartbeat is due on this way. */
  nextBeatAt = 0;
  private cursor: Cursor;
  /** What was sent and is not acknowledged. */
  private readonly slices: { readonly to: number; readonly bytes: number }[] = [];
  private unacknowledgedBytes = 0;
  private windowBytes = MIN_WINDOW_BYTES;
  private retryMs = RETRY_MIN_MS;
  private retryAt = 0;
  private isBlocked = false;
  private chosenAt = Number.NEGATIVE_INFINITY;

  constructor(
    readonly peer: Peer,
    private readonly selfIncarnation: string,
    private readonly log: PublicationLog,
    /** For a peer that has nothing of ours yet. */
    private readonly contact: FirstContact | undefined,
  ) {
    this.cursor = log.cursorAt(this.beginning);
  }

  /** Sends what the cursor has, as far as it may. */
  pump(now: number): void {
    const { via, log, peer } = this;
    if (via === undefined || via.isClosed || this.isBlocked) return;
    while (this.unacknowledgedBytes < this.windowBytes && via.mayCarry) {
      const before = { ...this.cursor };
      const slice = log.next(this.cursor, peer.incarnation, MAX_SLICE_BYTES, peer.maxFrameBytes);
      if (slice === undefined) return;
      const bytes = framesOf(slice);
      if (MAX_PREFIX_BYTES + bytes.length > maxFrameLength(FRAME_RELAY, via.hello.maxFrameBytes)) {
        // Who carries accepts less than whom it is for: this one has to wait for the link itself, or for somebody else.
        this.cursor = before;
        this.isBlocked = true;
        this.retryAt = now + this.retryMs;
        return;
      }
      if (this.slices.length === 0) this.retryAt = now + this.retryMs;
      this.slices.push({ to: this.cursor.seq - 1, bytes: bytes.length });
      this.unacknowledgedBytes += bytes.length;
      this.send(bytes, before.seq);
    }
  }

  /** Tells the peer where we are, and where it begins: that makes us known to one that never had a link with us. */
  beat(heartbeat: Buffer): void {
    const { contact, beginning } = this;
    if (contact?.missed === undefined || this.peer.acknowledged > 0) {
      return this.send(Buffer.concat([heartbeat, startFrame(beginning)]), beginning);
    }
    const gap = gapFrame(contact.seq - 1, 'first-contact', contact.missed);
    this.send(Buffer.concat([heartbeat, startFrame(1), gap]), 1);
  }

  private get beginning(): number {
    const { acknowledged } = this.peer;
    return acknowledged > 0 ? acknowledged + 1 : (this.contact?.seq ?? 1);
  }

  /** Sends frames for the peer; `start` is the number of the first publication among them, 0 if there is none. */
  private send(frames: Buffer, start: number): void {
    if (this.via?.mayCarry === true) sendRelayed(this.via, this.peer.incarnation, this.selfIncarnation, frames, start);
  }

  /** The peer acknowledged more. */
  noteAcknowledged(now: number): void {
    const { acknowledged } = this.peer;
    let isProgress = false;
    for (let slice = this.slices[0]; slice !== undefined && slice.to <= acknowledged; slice = this.slices[0]) {
      this.slices.shift();
      this.unacknowledgedBytes -= slice.bytes;
      isProgress = true;
    }
    // What the link itself brought in the meantime need not go this way as well.
    if (this.cursor.seq <= acknowledged) this.cursor = this.log.cursorAt(acknowledged + 1);
    if (!isProgress) return;
    this.windowBytes = Math.min(this.windowBytes * 2, MAX_WINDOW_BYTES);
    this.retryMs = this.retryMinMs;
    this.retryAt = now + this.retryMs;
    this.pump(now);
  }

  /** Starts again behind what was acknowledged, when nothing came of the last try; `true` when another way may be better. */
  retryIfDue(now: number): boolean {
    if ((this.slices.length === 0 && !this.isBlocked) || now < this.retryAt) return false;
    this.restart();
    this.windowBytes = MIN_WINDOW_BYTES;
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
    return true;
  }

  /** Whether nothing that was said this way came back: heartbeats are dropped as well, and nothing else may be said. */
  isFruitless(now: number, intervalMs: number): boolean {
    return now - Math.max(this.chosenAt, this.peer.echoedAt) > 1.5 * intervalMs + this.retryMinMs;
  }

  /** Takes another way from here on. */
  choose(via: Link | undefined, now: number): void {
    if (this.via === via) return;
    this.via = via;
    this.chosenAt = now;
    this.isBlocked = false;
    this.nextBeatAt = 0;
    this.retryMs = Math.max(this.retryMs, this.retryMinMs);
    this.restart();
  }

  /** There and back by way of another takes two round trips. */
  private get retryMinMs(): number {
    return Math.max(RETRY_MIN_MS, 4 * (this.via?.roundTripMs ?? 0));
  }

  private restart(): void {
    this.slices.length = 0;
    this.unacknowledgedBytes = 0;
    this.cursor = this.log.cursorAt(this.beginning);
  }
}

export function sendRelayed(via: Link, to: string, from: string, frames: Buffer, start: number): void {
  via.carry(Buffer.concat([relayPrefix(to, from, start, frames.length), frames]));
}

function framesOf(slice: Slice): Buffer {
  if (slice.kind === 'records') return slice.bytes;
  return slice.kind === 'skip' ? skipFrame(slice.count) : gapFrame(slice.to, slice.reason, slice.missed);
}
