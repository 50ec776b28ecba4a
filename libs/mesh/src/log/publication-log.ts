/**
 * The log of this process's own publications, and the cursors into it. A publication is encoded once, as the very frame
 * that every peer will receive; a peer is a cursor. Fan-out, a slow consumer, a reconnect, a newcomer and a gap are all
 * the same mechanism.
 */
import { encodeInto } from '../codec/encode.js';
import { ClusterError } from '../errors.js';
import {
  FRAME_HEADER_BYTES,
  FRAME_PUBLICATION,
  PUBLICATION_FLAGS_OFFSET,
  PUBLICATION_TIME_OFFSET,
  PUBLICATION_TOPIC_LENGTH_OFFSET,
  PUBLICATION_TOPIC_OFFSET,
} from '../protocol/frame.js';
import { DirectedRecords } from './directed-records.js';
import { recordLength, Segment } from './segment.js';

/** How much of the past is kept for peers that are away or slow. All sizes in bytes, all times in milliseconds. */
export interface WindowLimits {
  /** @default 16 MiB */
  readonly windowBytes: number;
  /** @default 5 min */
  readonly windowMs: number;
  /** The newest part, which is kept longer. @default 1 MiB */
  readonly keptBytes: number;
  /** How long the newest part is kept. @default 30 min */
  readonly keptMs: number;
  /** The largest frame that may be published. @default 1 MiB */
  readonly maxFrameBytes: number;
  /** How many records for single members the window may hold; more make it shorter. @default 65 536 */
  readonly maxDirected: number;
}

/** A place in the log: the record to send next. */
export interface Cursor {
  seq: number;
  segment: Segment;
  offset: number;
}

/** What a cursor has to send next. */
export type Slice =
  | { readonly kind: 'records'; readonly bytes: Buffer; readonly count: number }
  | { readonly kind: 'skip'; readonly count: number }
  | { readonly kind: 'gap'; readonly to: number; readonly reason: 'window' | 'too-large'; readonly missed: number };

const MIN_SEGMENT_BYTES = 16 * 1024;
const MAX_SEGMENT_BYTES = 256 * 1024;

/** A segment takes records for at most this share of the window's time, so that age can be enforced segment by segment. */
const SEGMENTS_PER_WINDOW_TIME = 16;

export class PublicationLog {
  private readonly directed: DirectedRecords;
  private oldest: Segment;
  private newest: Segment;
  private heldBytes = 0;
  /** When the newest evicted record was appended; what is older than that is not complete any more. */
  private evictedNewestAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly limits: WindowLimits) {
    this.directed = new DirectedRecords(limits.maxDirected);
    this.oldest = this.newest = new Segment(1, 0);
  }

  /** The number of the newest record, 0 while there is none. */
  get head(): number {
    return this.newest.nextSeq - 1;
  }

  /** The number of the oldest record still held; `head + 1` when none is. Enforces the age, hence `now`. */
  first(now: number): number {
    this.expire(now);
    return this.oldest.firstSeq;
  }

  /** Bytes of records held. */
  get bytes(): number {
    return this.heldBytes;
  }

  /** Bytes of memory that the records occupy: somewhat more than {@link bytes}. */
  get allocatedBytes(): number {
    let bytes = 0;
    for (let segment: Segment | undefined = this.oldest; segment !== undefined; segment = segment.next) {
      bytes += segment.bytes.length;
    }
    return bytes;
  }

  /**
   * Encodes a publication straight into the log and returns its length in bytes. On any error the log is as before.
   * @throws ClusterError `CLUSTER_INVALID_PAYLOAD`, `CLUSTER_PAYLOAD_TOO_LARGE`
   */
  append(topic: Buffer, payload: unknown, flags: number, wallNow: number, now: number, target?: string): number {
    let segment = this.newest;
    // A sealed or full segment is replaced before encoding, an overflowing one after.
    if (segment.count > 0 && now - segment.firstAt > this.limits.windowMs / SEGMENTS_PER_WINDOW_TIME) {
      segment = this.grow(segment, this.shrunkSize(segment));
    }
    let length: number;
    try {
      length = this.write(segment, topic, payload, flags, wallNow);
      while (length < 0) {
        const limit = this.limits.maxFrameBytes + FRAME_HEADER_BYTES;
        const empty = segment.count === 0;
        if (empty && segment.bytes.length >= limit) throw this.tooLarge(topic);
        const wanted = empty ? segment.bytes.length * 4 : this.grownSize(segment);
        segment = this.grow(
          segment,
          Math.min(Math.max(wanted, this.smallestSegment()), Math.max(limit, MAX_SEGMENT_BYTES)),
        );
        length = this.write(segment, topic, payload, flags, wallNow);
      }
      if (length - FRAME_HEADER_BYTES + 1 > this.limits.maxFrameBytes) throw this.tooLarge(topic);
    } catch (error) {
      // A large segment that was made in vain would otherwise be held by the next small record.
      if (this.newest.count === 0) this.grow(this.newest, 0);
      throw error;
    }
    if (target !== undefined) {
      this.directed.add({ seq: segment.nextSeq, target, offset: segment.end, length });
    }
    segment.commit(length, now);
    this.heldBytes += length;
    if (this.heldBytes > this.limits.windowBytes || target !== undefined) this.evict();
    return length;
  }

  /** The records from `seq` on were appended at `now` at the latest; the time that came with them was too early. */
  redate(seq: number, now: number): void {
    let { segment }: { segment: Segment | undefined } = this.cursorAt(seq);
    for (; segment !== undefined; segment = segment.next) {
      if (segment.count > 0) segment.redate(Math.max(seq, segment.firstSeq), now);
    }
  }

  /** A cursor at the record `seq`, or at the oldest one held if that is gone (a gap, which {@link next} reports). */
  cursorAt(seq: number): Cursor {
    let segment = this.oldest;
    if (seq < segment.firstSeq) return { seq, segment, offset: -1 };
    while (seq >= segment.nextSeq && segment.next !== undefined) segment = segment.next;
    return { seq, segment, offset: segment.offsetOf(Math.min(seq, segment.nextSeq)) };
  }

  /**
   * Where a peer that never heard of us starts: at what was published since `since` (monotonic). `isComplete` is false
   * when some of that is gone already.
   */
  startSince(since: number, now: number): { seq: number; isComplete: boolean } {
    this.expire(now);
    let segment: Segment | undefined = this.oldest;
    while (segment !== undefined && segment.newestAt < since && segment.next !== undefined) segment = segment.next;
    const seq = segment.count > 0 && segment.newestAt < since ? segment.nextSeq : segment.firstSeqSince(since);
    return { seq, isComplete: this.evictedNewestAt < since };
  }

  /**
   * The next thing the peer `incarnation` must be sent from `cursor`, of at most `maxBytes` (one larger record
   * excepted), and moves the cursor behind it. Undefined when the cursor has caught up.
   */
  next(cursor: Cursor, incarnation: string, maxBytes: number, peerMaxFrameBytes: number): Slice | undefined {
    if (cursor.seq < this.oldest.firstSeq) return this.fallOff(cursor, incarnation);
    this.settle(cursor);
    const { segment } = cursor;
    if (cursor.seq > segment.nextSeq - 1) return undefined;

    // Up to the next record that is for one peer only.
    let stopSeq = segment.nextSeq;
    let stop = segment.end;
    const directed = this.directed.from(cursor.seq);
    if (directed !== undefined && directed.seq < stopSeq) {
      if (directed.seq === cursor.seq && directed.target !== incarnation) return this.skip(cursor, incarnation);
      const end = directed.seq === cursor.seq ? directed.seq + 1 : directed.seq;
      stop = end === directed.seq ? directed.offset : directed.offset + directed.length;
      stopSeq = end;
    }
    const limited = segment.largest - FRAME_HEADER_BYTES + 1 > peerMaxFrameBytes;
    if (stop - cursor.offset > maxBytes || limited) {
      return this.walk(cursor, stopSeq, maxBytes, peerMaxFrameBytes);
    }
    const slice = segment.bytes.subarray(cursor.offset, stop);
    const count = stopSeq - cursor.seq;
    cursor.offset = stop;
    cursor.seq = stopSeq;
    return { kind: 'records', bytes: slice, count };
  }

  /** How many bytes of records lie between the cursor and the head, at the most. */
  bytesBehind(cursor: Cursor): number {
    if (cursor.seq > this.head) return 0;
    if (cursor.seq < this.oldest.firstSeq) return this.heldBytes;
    this.settle(cursor);
    let bytes = 0;
    for (let segment: Segment | undefined = cursor.segment; segment !== undefined; segment = segment.next) {
      bytes += segment.end - (segment === cursor.segment ? Math.max(cursor.offset, 0) : 0);
    }
    return bytes;
  }

  /** Lets go of what is too old. Called when the log is read for a peer, and at every heartbeat. */
  expire(now: number): void {
    for (;;) {
      const segment = this.oldest;
      if (segment.count === 0 || now - segment.newestAt <= this.limits.windowMs) return;
      const isKept = this.heldBytes - segment.end < this.limits.keptBytes;
      if (isKept && now - segment.newestAt <= this.limits.keptMs) return;
      this.dropOldest();
    }
  }

  private write(segment: Segment, topic: Buffer, payload: unknown, flags: number, wallNow: number): number {
    const { bytes, end: start } = segment;
    const payloadStart = start + PUBLICATION_TOPIC_OFFSET + topic.length;
    if (payloadStart >= bytes.length) return -1;
    const end = encodeInto(bytes, payloadStart, payload);
    if (end < 0) return -1;
    const length = end - start - FRAME_HEADER_BYTES + 1;
    bytes[start] = length >>> 24;
    bytes[start + 1] = (length >>> 16) & 0xff;
    bytes[start + 2] = (length >>> 8) & 0xff;
    bytes[start + 3] = length & 0xff;
    bytes[start + 4] = FRAME_PUBLICATION;
    bytes[start + PUBLICATION_FLAGS_OFFSET] = flags;
    writeTime(bytes, start + PUBLICATION_TIME_OFFSET, wallNow);
    bytes[start + PUBLICATION_TOPIC_LENGTH_OFFSET] = topic.length;
    for (let i = 0, at = start + PUBLICATION_TOPIC_OFFSET; i < topic.length; i++) bytes[at++] = topic[i]!;
    return end - start;
  }

  private tooLarge(topic: Buffer): ClusterError {
    return new ClusterError(
      'CLUSTER_PAYLOAD_TOO_LARGE',
      `The payload for '${topic.toString()}' makes a frame larger than limits.maxFrameBytes (${this.limits.maxFrameBytes}). ` +
        'Publish a reference to the data instead, or raise the limit on every node.',
    );
  }

  private smallestSegment(): number {
    return Math.min(MIN_SEGMENT_BYTES, Math.max(256, this.limits.windowBytes >> 4));
  }

  /** Segments grow while they fill by volume, up to a size of which the window holds many. */
  private grownSize(segment: Segment): number {
    const cap = Math.min(MAX_SEGMENT_BYTES, Math.max(256, this.limits.windowBytes >> 4));
    return Math.min(cap, segment.bytes.length * 4);
  }

  private shrunkSize(segment: Segment): number {
    return Math.max(this.smallestSegment(), segment.bytes.length >> 2);
  }

  private grow(full: Segment, size: number): Segment {
    const segment = new Segment(full.nextSeq, size);
    if (full.count === 0) {
      // Never held a record, so nothing can point into it except cursors at its start, which `settle` moves on.
      full.next = segment;
      if (this.oldest === full) this.oldest = segment;
      else this.replaceBeforeNewest(full, segment);
    } else full.next = segment;
    this.newest = segment;
    return segment;
  }

  private replaceBeforeNewest(empty: Segment, segment: Segment): void {
    let before = this.oldest;
    while (before.next !== empty) before = before.next!;
    before.next = segment;
  }

  private evict(): void {
    while (this.oldest !== this.newest) {
      const excess = this.heldBytes - this.limits.windowBytes;
      const directed = this.directed.countBetween(this.oldest.firstSeq, this.head);
      if (excess <= 0 && directed <= this.limits.maxDirected) return;
      this.dropOldest();
    }
  }

  private dropOldest(): void {
    const segment = this.oldest;
    this.heldBytes -= segment.end;
    this.evictedNewestAt = segment.newestAt;
    if (segment.next === undefined) {
      // Everything expired. Cursors that had caught up stay valid: they point behind the last record.
      this.newest = segment.next = new Segment(segment.nextSeq, 0);
    }
    this.oldest = segment.next;
    this.directed.forgetBefore(this.oldest.firstSeq);
    // A cursor of a stalled peer may still stand in here: it must not hold on to all that came after.
    segment.next = undefined;
  }

  /** Moves a cursor that stands at the end of its segment to the next one, and one that was made before its segment was. */
  private settle(cursor: Cursor): void {
    const isOrphan = cursor.segment.next === undefined && cursor.segment !== this.newest;
    if (cursor.offset < 0 || isOrphan) Object.assign(cursor, this.cursorAt(cursor.seq));
    while (cursor.seq >= cursor.segment.nextSeq && cursor.segment.next !== undefined) {
      cursor.segment = cursor.segment.next;
      cursor.offset = 0;
    }
  }

  /** Restarts within half a window of the head, after one gap: so a peer that is too slow sees one gap per half window. */
  private fallOff(cursor: Cursor, incarnation: string): Slice {
    const from = cursor.seq;
    let segment = this.oldest;
    let behind = this.heldBytes;
    const half = this.limits.windowBytes / 2;
    while (segment.next !== undefined && behind - segment.end >= half) {
      behind -= segment.end;
      segment = segment.next;
    }
    const place =
      behind > half ? segment.recordWithin(half - (behind - segment.end)) : { seq: segment.firstSeq, offset: 0 };
    cursor.segment = segment;
    cursor.seq = place.seq;
    cursor.offset = place.offset;
    const to = place.seq - 1;
    return { kind: 'gap', to, reason: 'window', missed: this.missedBetween(from, to, incarnation) };
  }

  /** How many numbers in `[from, to]` were meant for `incarnation`. An upper bound beyond the runs of directed records remembered. */
  missedBetween(from: number, to: number, incarnation: string): number {
    return to - from + 1 - this.directed.countForOthers(from, to, incarnation);
  }

  private skip(cursor: Cursor, incarnation: string): Slice {
    const { segment } = cursor;
    let count = 0;
    for (;;) {
      const record = this.directed.from(cursor.seq);
      if (record === undefined || record.seq !== cursor.seq || record.target === incarnation) break;
      if (cursor.seq >= segment.nextSeq) break;
      cursor.seq++;
      cursor.offset = record.offset + record.length;
      count++;
    }
    return { kind: 'skip', count };
  }

  /** Record by record: for slices that must be cut, and for peers that accept less than we may publish. */
  private walk(cursor: Cursor, stopSeq: number, maxBytes: number, peerMaxFrameBytes: number): Slice {
    const { bytes } = cursor.segment;
    const from = cursor.offset;
    let { seq, offset } = cursor;
    while (seq < stopSeq) {
      const length = recordLength(bytes, offset);
      if (length - FRAME_HEADER_BYTES + 1 > peerMaxFrameBytes) {
        if (seq > cursor.seq) break;
        cursor.seq = seq + 1;
        cursor.offset = offset + length;
        return { kind: 'gap', to: seq, reason: 'too-large', missed: 1 };
      }
      if (offset > from && offset + length - from > maxBytes) break;
      offset += length;
      seq++;
    }
    const count = seq - cursor.seq;
    cursor.seq = seq;
    cursor.offset = offset;
    return { kind: 'records', bytes: bytes.subarray(from, offset), count };
  }
}

/** 48 bits: enough for ten thousand years. */
function writeTime(bytes: Buffer, at: number, time: number): void {
  const high = Math.floor(time / 2 ** 32);
  const low = time >>> 0;
  bytes[at] = (high >>> 8) & 0xff;
  bytes[at + 1] = high & 0xff;
  bytes[at + 2] = low >>> 24;
  bytes[at + 3] = (low >>> 16) & 0xff;
  bytes[at + 4] = (low >>> 8) & 0xff;
  bytes[at + 5] = low & 0xff;
}
