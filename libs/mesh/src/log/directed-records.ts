/** Which records of the log were meant for one peer only: everybody else is told to skip their numbers. */

export interface DirectedRecord {
  readonly seq: number;
  /** The incarnation it is meant for. */
  readonly target: string;
  /** Where it lies in its segment. */
  readonly offset: number;
  readonly length: number;
}

/** Ordered by sequence number. Holds at most `limit`; the log lets its oldest segments go before that. */
export class DirectedRecords {
  private records: DirectedRecord[] = [];

  constructor(readonly limit: number) {}

  get size(): number {
    return this.records.length;
  }

  add(record: DirectedRecord): void {
    this.records.push(record);
    // Those of evicted segments are kept only to count gaps exactly; the oldest of them go first.
    if (this.records.length > this.limit * 2) this.records = this.records.slice(-this.limit);
  }

  /** The first record at or after `seq`, if any. */
  from(seq: number): DirectedRecord | undefined {
    return this.records[this.indexFrom(seq)];
  }

  /** How many records in `[from, to]` exist. */
  countBetween(from: number, to: number): number {
    return this.indexFrom(to + 1) - this.indexFrom(from);
  }

  /** How many numbers in `[from, to]` were not meant for `incarnation`. */
  countForOthers(from: number, to: number, incarnation: string): number {
    let count = 0;
    for (let i = this.indexFrom(from); i < this.records.length; i++) {
      const record = this.records[i]!;
      if (record.seq > to) break;
      if (record.target !== incarnation) count++;
    }
    return count;
  }

  /** Binary search for the first index with a sequence number >= `seq`. */
  private indexFrom(seq: number): number {
    let low = 0;
    let high = this.records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.records[middle]!.seq < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
