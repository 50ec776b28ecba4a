/** Which records of the log were meant for one peer only: everybody else is told to skip their numbers. */

export interface DirectedRecord {
  readonly seq: number;
  /** The incarnation it is meant for. */
  readonly target: string;
  /** Where it lies in its segment. */
  readonly offset: number;
  readonly length: number;
}

/** Records for one target whose numbers follow each other. */
interface Run {
  readonly first: number;
  last: number;
  readonly target: string;
}

/** Ordered by sequence number. The log lets its oldest segments go when it holds more than `limit` of them. */
export class DirectedRecords {
  private records: DirectedRecord[] = [];
  /** The same without places, and so smaller: they outlive the records, to count gaps exactly. */
  private runs: Run[] = [];

  constructor(readonly limit: number) {}

  get size(): number {
    return this.records.length;
  }

  add(record: DirectedRecord): void {
    this.records.push(record);
    const run = this.runs[this.runs.length - 1];
    if (run !== undefined && run.target === record.target && run.last + 1 === record.seq) run.last++;
    else this.runs.push({ first: record.seq, last: record.seq, target: record.target });
    if (this.runs.length > this.limit * 2) this.runs = this.runs.slice(-this.limit);
  }

  /** Records before `seq` are not in the log any more: their places are of no use, while their numbers still count. */
  forgetBefore(seq: number): void {
    const gone = this.indexFrom(seq);
    // Now and then, so that it costs nothing.
    if (gone >= 1_024 || gone === this.records.length) this.records = this.records.slice(gone);
  }

  /** The first record at or after `seq`, if any. */
  from(seq: number): DirectedRecord | undefined {
    return this.records[this.indexFrom(seq)];
  }

  /** How many records in `[from, to]` exist. */
  countBetween(from: number, to: number): number {
    return this.indexFrom(to + 1) - this.indexFrom(from);
  }

  /** How many numbers in `[from, to]` were not meant for `incarnation`; fewer than there were, beyond the runs remembered. */
  countForOthers(from: number, to: number, incarnation: string): number {
    let count = 0;
    for (let i = this.runs.length - 1; i >= 0; i--) {
      const { first, last, target } = this.runs[i]!;
      if (last < from) break;
      if (first > to || target === incarnation) continue;
      count += Math.min(last, to) - Math.max(first, from) + 1;
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
