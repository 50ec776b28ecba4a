/** What this node knows of one incarnation of another: the protocol's state, kept beyond the life of any link. */
import { addressKey, type PeerAddress } from 'rookery/discovery';
import type { Link } from '../link/link.js';
import { MIN_FRAME_BYTES_LIMIT } from '../protocol/frame.js';
import type { Member, MemberMetadata, MemberStatus } from './member.js';

/** `heard-of`: another member hears it, we never had a link. */
export type PeerStatus = MemberStatus | 'heard-of';

/** Where a peer begins that has nothing of ours, and how many publications of its lifetime are missing before, if any may be. */
export interface FirstContact {
  readonly seq: number;
  readonly missed: number | undefined;
}

/** A head that we have not reached yet, and when we learned of it. */
interface UnprovenHead {
  readonly head: number;
  readonly at: number;
}

export class Peer {
  status: PeerStatus = 'heard-of';
  /** Whether `up` was said and neither `lost` nor `left` since. */
  isAnnounced = false;
  /** Whether a discovery answer ever listed its address. */
  wasListed = false;
  /** The bound link, if any. */
  link: Link | undefined;
  /** How often the lower incarnation of us two chose a link, as far as this end knows. */
  choice = 0;
  /** When that was learned. */
  choiceAt = Number.NEGATIVE_INFINITY;
  /** Its link was closed by the peer in favour of another one, whose START is on its way. */
  isRelinking = false;
  /** The highest contiguous number received. */
  last = 0;
  /** Publications received or told to be missing, without those that others were meant to have. */
  received = 0;
  /** Whether a START was ever received: before, `last` says nothing. */
  hasStarted = false;
  /** The head at first contact: what is at or below it happened before we met. */
  metHead = 0;
  /** The last round trip on a link with it; 0 while none is known. */
  roundTripMs = 0;
  /** The last mark of its time that we heard, to be given back. */
  stamp = 0;
  /** When we said the newest of our own marks that it gave back. */
  echoedAt = Number.NEGATIVE_INFINITY;
  /** The highest head that it told. */
  toldHead = 0;
  /** Where it began with us; set once, so that every link and every detour begins at the same place. */
  contact: FirstContact | undefined;
  /** The highest number of ours that it acknowledged. */
  acknowledged = 0;
  /** When it started at the latest, in our monotonic time, as it or others tell: before, it cannot have published anything. */
  bornAt: number;
  /** Until when a heartbeat proved that we have all it published. */
  private provenAt = Number.NEGATIVE_INFINITY;
  /** What it announced last: when it speaks next, at the latest. */
  nextMs = 1_000;
  /** The largest frame that it accepts, as it said last. */
  maxFrameBytes = MIN_FRAME_BYTES_LIMIT;
  /** When something of it last came by way of another member. */
  relayedAt = Number.NEGATIVE_INFINITY;
  /** Incarnations that it hears, by its VIEW; empty while not linked. */
  readonly hears = new Set<string>();
  /** The nonce that it used on the last link to it that we gave up. */
  dropped = '';
  /** When it lost its link, or was first heard of. */
  aloneSince: number;
  acceptedOurDial = false;
  /** Whether a dial of its address led back to this very process. */
  leadsToUs = false;
  refusals = 0;
  firstRefusedAt = 0;
  lastRefusedAt = 0;
  absentAnswers = 0;
  failedDials = 0;
  /** When it left or was lost, and the head it left with. */
  endedAt = 0;
  leftHead = 0;
  /** Another member heard its goodbye, at this head, while it still held a link here. */
  goodbye: { readonly head: number; readonly reason: string } | undefined;
  /** When we first heard of it. */
  readonly metAt: number;
  private oldestUnproven: UnprovenHead | undefined;
  private newestUnproven: UnprovenHead | undefined;
  private snapshot: Member | undefined;
  private key: string | undefined;

  constructor(
    readonly incarnation: string,
    private identity: { readonly name: string; readonly address: PeerAddress; readonly metadata: MemberMetadata },
    now: number,
    bornAt: number,
    /** When we started: what happened before is not ours to have. */
    private readonly startedAt: number,
  ) {
    this.bornAt = bornAt;
    this.metAt = this.aloneSince = now;
  }

  /** Until when we have all it published: until then there was a proof, or it was not born, or we were not. */
  get freshAt(): number {
    return Math.max(this.provenAt, this.bornAt, this.startedAt);
  }

  get address(): PeerAddress {
    return this.identity.address;
  }

  /** Its address in one spelling, to compare with others. */
  get addressKey(): string {
    return (this.key ??= addressKey(this.identity.address));
  }

  get name(): string {
    return this.identity.name;
  }

  get metadata(): MemberMetadata {
    return this.identity.metadata;
  }

  /** The immutable picture that users get; the same object until something changes. */
  get member(): Member {
    return (this.snapshot ??= Object.freeze({
      name: this.name,
      incarnation: this.incarnation,
      status: this.status === 'heard-of' ? 'suspect' : this.status,
      address: this.address,
      metadata: this.metadata,
    }));
  }

  setStatus(status: PeerStatus): void {
    this.status = status;
    this.snapshot = undefined;
  }

  describe(identity: {
    readonly name: string;
    readonly address: PeerAddress;
    readonly metadata: MemberMetadata;
  }): void {
    this.identity = identity;
    this.key = undefined;
    this.snapshot = undefined;
  }

  /** Whether it may be alive, as far as we know. */
  get isExpected(): boolean {
    return this.status === 'up' || this.status === 'suspect' || this.status === 'heard-of';
  }

  /** It told its head at `at`, at the earliest: fresh if we have reached it, otherwise once we do. */
  learnHead(head: number, at: number): void {
    this.toldHead = Math.max(this.toldHead, head);
    // Older than what is known: it came on another link, and says nothing about now.
    if (head < this.last || head < (this.newestUnproven?.head ?? 0)) return;
    if (this.last >= head) {
      this.provenAt = Math.max(this.provenAt, at);
      this.oldestUnproven = this.newestUnproven = undefined;
      return;
    }
    this.oldestUnproven ??= { head, at };
    this.newestUnproven = { head, at };
  }

  /** Called after `last` advanced. */
  proveFreshness(): void {
    if (this.oldestUnproven === undefined || this.last < this.oldestUnproven.head) return;
    this.provenAt = Math.max(this.provenAt, this.oldestUnproven.at);
    const newest = this.newestUnproven;
    if (newest !== undefined && this.last >= newest.head) {
      this.provenAt = Math.max(this.provenAt, newest.at);
      this.oldestUnproven = this.newestUnproven = undefined;
    } else this.oldestUnproven = newest;
  }

  noteRefusal(now: number): void {
    if (this.refusals++ === 0) this.firstRefusedAt = now;
    this.lastRefusedAt = now;
  }

  /** It was born at `bornAt` at the latest: whoever told of it before may have been late. */
  noteAge(bornAt: number): void {
    this.bornAt = Math.min(this.bornAt, bornAt);
  }

  /** A new life: nothing that was held against it counts any more. */
  clearEvidence(): void {
    this.refusals = 0;
    this.absentAnswers = 0;
    this.failedDials = 0;
    this.leadsToUs = false;
  }
}
