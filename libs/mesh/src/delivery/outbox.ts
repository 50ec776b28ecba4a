/** The way out: publications into the log, and the log to every link and to this node's own subscribers. */
import type { Clock, Logger } from '@rookery/runtime';
import type { Link } from '../link/link.js';
import type { Cursor, PublicationLog } from '../log/publication-log.js';
import { recordLength } from '../log/segment.js';
import { FRAME_HEADER_BYTES } from '../protocol/frame.js';

/** `publish` sends at once whenever this much has gathered; the rest goes at the end of the turn. */
const INLINE_FLUSH_BYTES = 64 * 1024;

/** A bulk loop that awaits `writable()` lets the network work after this much, or so long, even when no peer is behind. */
const BREATHE_BYTES = 512 * 1024;
const BREATHE_MS = 50;
/** Publications of a turn that is longer are dated by its end: no newcomer must miss one that was made late in it. */
const LONG_TURN_MS = 1_000;

/** A peer whose cursor did not move for this long makes no progress: a bulk loop does not wait for it. */
const NO_PROGRESS_MS = 200;

const LOCAL_SLICE_BYTES = 256 * 1024;

/** So many turns of a handler that publishes to its own topic, then sockets and timers have theirs. */
const MAX_TURNS_WITHOUT_POLL = 64;

export interface OutboxOwner {
  /** The links that are bound. */
  boundLinks(): Iterable<Link>;
  /** Sends what peers are sent by way of others. */
  pumpDetours(): void;
  /** Whether this node subscribed to anything. */
  readonly hasSubscriptions: boolean;
  /** One of our own publications, for our own subscribers. */
  deliverLocally(seq: number, bytes: Buffer, start: number, end: number): void;
  /** Our own subscribers were too slow for our own publications. */
  onLocalGap(missed: number): void;
}

export class Outbox {
  /** Turns in which more than a window was published. */
  overruns = 0;
  private readonly local: Cursor;
  private readonly inlineFlushBytes: number;
  private unflushedBytes = 0;
  /** Bytes of inline flushes since the sockets last had their chance; what single turns send without one does not count. */
  private turnBytes = 0;
  private isFlushScheduled = false;
  private isTurnOpen = false;
  private isDeliveringLocally = false;
  private isLocalPending = false;
  private localTurns = 0;
  private now = 0;
  private wallNow = 0;
  /** The first record that was appended since the clock was read. */
  private undated = 1;
  /** When the first publication of this turn was made. */
  private turnAt = Number.POSITIVE_INFINITY;
  private waiters: (() => void)[] = [];

  constructor(
    private readonly log: PublicationLog,
    private readonly windowBytes: number,
    private readonly selfIncarnation: string,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly owner: OutboxOwner,
  ) {
    this.local = log.cursorAt(1);
    this.inlineFlushBytes = Math.min(INLINE_FLUSH_BYTES, windowBytes >> 3);
  }

  /** Appends a publication and sees to it that it is sent; returns its number. Never waits, never fails for a slow peer. */
  publish(topic: Buffer, payload: unknown, flags: number, target?: string): number {
    if (!this.isFlushScheduled) {
      this.isFlushScheduled = true;
      this.readClock();
      this.turnAt = this.now;
      this.clock.endOfTurn(this.onEndOfTurn);
    }
    this.unflushedBytes += this.log.append(topic, payload, flags, this.wallNow, this.now, target);
    if (this.unflushedBytes >= this.inlineFlushBytes) this.flushInline();
    return this.log.head;
  }

  /** The newest number that our own subscribers were given. */
  get deliveredLocally(): number {
    return this.local.seq - 1;
  }

  /** Sends everything that links can take now. */
  flush(): void {
    this.pumpAll();
    if (this.isLocalPending) return;
    if (++this.localTurns % MAX_TURNS_WITHOUT_POLL === 0) this.pumpLocalAfterPoll();
    else this.pumpLocal();
  }

  /** Sends everything that links can take now; our own subscribers have their turn at the end of it. */
  flushLinks(): void {
    this.pumpAll();
  }

  /** Resolves when every peer that makes progress has room for half a window. */
  writable(): Promise<void> {
    const now = this.clock.now();
    const isLongTurn = now - this.turnAt >= BREATHE_MS;
    if (!isLongTurn && this.turnBytes < BREATHE_BYTES && this.hasRoom(now)) return Promise.resolve();
    if (isLongTurn) this.watchTurn();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
      if (this.waiters.length === 1) this.recheckSoon();
    });
  }

  /** A link made progress: bulk loops may go on. */
  noteProgress(): void {
    if (this.waiters.length > 0 && !this.isTurnOpen && this.hasRoom(this.clock.now())) this.release();
  }

  private readonly onEndOfTurn = (): void => {
    this.isFlushScheduled = false;
    this.readClock();
    this.turnAt = Number.POSITIVE_INFINITY;
    this.flush();
  };

  /** Much was published in one go: what is written may leave, and the turn is watched until the sockets had their chance. */
  private flushInline(): void {
    this.readClock();
    this.turnBytes += this.unflushedBytes;
    this.pumpAll();
    this.watchTurn();
  }

  private watchTurn(): void {
    if (this.isTurnOpen) return;
    this.isTurnOpen = true;
    this.clock.afterPoll(() => {
      this.isTurnOpen = false;
      if (this.turnBytes > this.windowBytes) this.noteOverrun();
      this.turnBytes = 0;
      this.noteProgress();
    });
  }

  /** Once for many publications: it takes a part of the time that one takes. */
  private readClock(): void {
    const now = this.clock.now();
    // Newcomers begin at a time: what was published before the turn went on for so long may have been published just now.
    if (now - this.now > LONG_TURN_MS && this.log.head >= this.undated) this.log.redate(this.undated, now);
    this.undated = this.log.head + 1;
    this.now = now;
    this.wallNow = this.clock.wallNow();
  }

  private noteOverrun(): void {
    this.overruns++;
    this.logger.warn(
      `CLUSTER_WINDOW_OVERRUN: ${this.turnBytes} bytes were published without a pause, more than the window of ` +
        `${this.windowBytes}: other nodes cannot have all of it, and get a gap. In bulk loops: await cluster.writable().`,
      { overruns: this.overruns },
    );
  }

  private pumpAll(): void {
    this.unflushedBytes = 0;
    for (const link of this.owner.boundLinks()) link.pump();
    this.owner.pumpDetours();
  }

  private pumpLocal(): void {
    if (!this.owner.hasSubscriptions) {
      if (this.local.seq <= this.log.head) Object.assign(this.local, this.log.cursorAt(this.log.head + 1));
      return;
    }
    if (this.isDeliveringLocally) return;
    this.isDeliveringLocally = true;
    try {
      const stop = this.log.head;
      while (this.local.seq <= stop) {
        const from = this.local.seq;
        const slice = this.log.next(this.local, this.selfIncarnation, LOCAL_SLICE_BYTES, Number.POSITIVE_INFINITY);
        if (slice === undefined) break;
        // What was for others alone is missing to nobody here.
        if (slice.kind === 'gap' && slice.missed > 0) this.owner.onLocalGap(slice.missed);
        if (slice.kind === 'records') this.deliver(slice.bytes, from);
      }
    } finally {
      // Otherwise one error would end all delivery to this node's own subscribers.
      this.isDeliveringLocally = false;
    }
    // A handler that publishes is served again after others had their turn.
    if (this.local.seq <= this.log.head) this.pumpLocalAfterPoll();
  }

  private pumpLocalAfterPoll(): void {
    if (this.isLocalPending) return;
    this.isLocalPending = true;
    this.clock.afterPoll(() => {
      this.isLocalPending = false;
      this.pumpLocal();
    });
  }

  private deliver(bytes: Buffer, firstSeq: number): void {
    let seq = firstSeq;
    for (let offset = 0; offset < bytes.length; seq++) {
      const end = offset + recordLength(bytes, offset);
      this.owner.deliverLocally(seq, bytes, offset + FRAME_HEADER_BYTES, end);
      offset = end;
    }
  }

  private hasRoom(now: number): boolean {
    for (const link of this.owner.boundLinks()) {
      const { cursor } = link;
      if (cursor === undefined || this.log.bytesBehind(cursor) <= this.windowBytes / 2) continue;
      if (now - link.movedAt < NO_PROGRESS_MS) return false;
    }
    return true;
  }

  /** A peer that stops making progress is only noticed by looking again. */
  private recheckSoon(): void {
    this.clock.after(NO_PROGRESS_MS / 4, () => {
      this.noteProgress();
      if (this.waiters.length > 0) this.recheckSoon();
    });
  }

  private release(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const resolve of waiters) resolve();
  }
}
