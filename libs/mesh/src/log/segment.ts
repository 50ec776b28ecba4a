/** A run of records in one buffer. Append-only and never reused: a socket may hold on to any part of it for long. */
import { FRAME_HEADER_BYTES } from '../protocol/frame.js';

/** A place in a segment that can be found without walking from its start. */
interface Mark {
  readonly at: number;
  readonly seq: number;
  readonly offset: number;
}

/** Marks are set this far apart, so that "records younger than" is exact to a second. */
const MARK_INTERVAL_MS = 1_000;

export class Segment {
  readonly bytes: Buffer;
  /** How much of `bytes` holds whole records. */
  end = 0;
  /** How many records it holds. */
  count = 0;
  /** The length of its largest record, header included. */
  largest = 0;
  /** When its first and its newest record were appended, in monotonic milliseconds. */
  firstAt = 0;
  newestAt = 0;
  next: Segment | undefined;
  private readonly marks: Mark[] = [];

  constructor(
    readonly firstSeq: number,
    size: number,
  ) {
    this.bytes = Buffer.allocUnsafeSlow(size);
  }

  /** The number after its last record. */
  get nextSeq(): number {
    return this.firstSeq + this.count;
  }

  /** Takes the record that was written at `end`, `length` bytes long. */
  commit(length: number, now: number): void {
    if (this.count === 0) this.firstAt = now;
    const last = this.marks[this.marks.length - 1];
    if (last === undefined || now - last.at >= MARK_INTERVAL_MS) {
      this.marks.push({ at: now, seq: this.nextSeq, offset: this.end });
    }
    this.end += length;
    this.count++;
    this.newestAt = now;
    if (length > this.largest) this.largest = length;
  }

  /** The records from `seq` on were appended at `at`, later than was thought. */
  redate(seq: number, at: number): void {
    const offset = this.offsetOf(seq);
    while (this.marks.length > 0 && this.marks[this.marks.length - 1]!.seq >= seq) this.marks.pop();
    this.marks.push({ at, seq, offset });
    if (seq === this.firstSeq) this.firstAt = at;
    this.newestAt = at;
  }

  /** The offset of record `seq`, which this segment holds (or the end, for the number after its last). */
  offsetOf(seq: number): number {
    let from: { seq: number; offset: number } = { seq: this.firstSeq, offset: 0 };
    for (const mark of this.marks) {
      if (mark.seq > seq) break;
      from = mark;
    }
    let offset = from.offset;
    for (let at = from.seq; at < seq; at++) offset += recordLength(this.bytes, offset);
    return offset;
  }

  /** The number of the first record that may have been appended at or after `time` (early by a second at the most). */
  firstSeqSince(time: number): number {
    let seq = this.firstSeq;
    for (const [i, mark] of this.marks.entries()) {
      if (mark.at > time) break;
      // What stands before the next mark was appended within an interval of this one.
      const isBefore = time - mark.at >= MARK_INTERVAL_MS;
      seq = isBefore ? (this.marks[i + 1]?.seq ?? this.nextSeq) : mark.seq;
    }
    return seq;
  }

  /** The first record at or behind `offset` whose remaining bytes to the end are at most `bytes`. */
  recordWithin(bytes: number): { seq: number; offset: number } {
    let offset = 0;
    let seq = this.firstSeq;
    while (this.end - offset > bytes) {
      offset += recordLength(this.bytes, offset);
      seq++;
    }
    return { seq, offset };
  }
}

/** The length of the record at `offset`, header included. */
export function recordLength(bytes: Buffer, offset: number): number {
  return bytes.readUInt32BE(offset) + FRAME_HEADER_BYTES - 1;
}
