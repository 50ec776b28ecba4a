/**
 * Partial partitions: when this node and a peer do not reach each other, and a member hears both, what is published here still
 * gets there, once and in order, in RELAY frames that this member passes on. No other link is touched. The link itself takes
 * over when it is there again.
 */
import type { Clock, Logger, Timer } from '@rookery/runtime';
import type { Inbox } from '../delivery/inbox.js';
import { ProtocolError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { PublicationLog } from '../log/publication-log.js';
import type { Membership } from '../membership/membership.js';
import type { FirstContact, Peer } from '../membership/peer.js';
import { FRAME_HEADER_BYTES, FRAME_RELAY, maxFrameLength } from '../protocol/frame.js';
import { readRelay, type Relay } from '../protocol/relay-frame.js';
import { Detour, sendRelayed } from './detour.js';

/** A link on which publications are under way, and none was acknowledged for so long, may be stuck. */
const STUCK_MIN_MS = 300;
/** ... or for so many round trips, where that is longer. */
const STUCK_ROUND_TRIPS = 4;
/** A member that never had a link with us is reached by way of others when it was dialled in vain for so long. */
const UNREACHED_AFTER_MS = 15_000;
/** What came this way is acknowledged by then. */
const ACK_DELAY_MS = 20;
/** ... or once so many bytes gathered. */
const ACK_EVERY_BYTES = 64 * 1024;

export interface DetoursOwner {
  readonly incarnation: string;
  readonly bound: ReadonlySet<Link>;
  /** How often we speak. */
  readonly intervalMs: number;
  /** A PONG for `peer` that answers no PING. */
  heartbeatFor(peer: Peer): Buffer;
  /** Where a peer begins that has nothing of ours, and what it missed before. */
  firstContact(peer: Peer): FirstContact;
  /** Sends a PING on the link itself. */
  ping(link: Link): void;
}

/** What came from one peer by way of others, and was not acknowledged yet. */
interface Owed {
  via: Link;
  bytes: number;
}

export class Detours {
  private readonly active = new Map<Peer, Detour>();
  private readonly owed = new Map<Peer, Owed>();
  private ackTimer: Timer | undefined;
  private watch: Timer | undefined;
  private isClosed = false;

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly log: PublicationLog,
    private readonly membership: Membership,
    private readonly inbox: Inbox,
    private readonly owner: DetoursOwner,
  ) {}

  /** Peers that are reached by way of others now. */
  get peers(): IterableIterator<Peer> {
    return this.active.keys();
  }

  /** Who carries what is meant for `peer`, if anybody has to. */
  viaOf(peer: Peer): Peer | undefined {
    return this.active.get(peer)?.via?.peer;
  }

  /** Something was published. */
  pump(): void {
    if (this.active.size === 0) return;
    const now = this.clock.now();
    for (const detour of this.active.values()) detour.pump(now);
  }

  /** A link was written to and awaits an acknowledgement: it is watched from here on. */
  watchLinks(delayMs = STUCK_MIN_MS): void {
    if (this.watch !== undefined || this.isClosed) return;
    this.watch = this.clock.after(delayMs, () => {
      // Acknowledgements may wait in the socket while we stalled ourselves.
      this.watch = this.clock.afterPoll(() => {
        this.watch = undefined;
        this.lookAtLinks();
      });
    });
  }

  /** Called now and then, and whenever a link or what members hear has changed. */
  reconsider(): void {
    if (this.isClosed) return;
    const now = this.clock.now();
    for (const peer of this.membership.peers) {
      if (!this.needsDetour(peer, now)) this.active.delete(peer);
      else this.keep(peer, now);
    }
  }

  noteAcknowledged(peer: Peer): void {
    this.active.get(peer)?.noteAcknowledged(this.clock.now());
  }

  /** Sends a control frame to a peer that came to us by way of others; false when there is no such way. */
  answer(peer: Peer, frame: Buffer): boolean {
    const via = this.active.get(peer)?.via ?? this.waysTo(peer)[0];
    if (via === undefined) return false;
    sendRelayed(via, peer.incarnation, this.owner.incarnation, frame, 0);
    return true;
  }

  /** A RELAY on the bound link of `sender`: for us, or to be passed on. */
  onRelay(link: Link, sender: Peer, bytes: Buffer, start: number, end: number): void {
    const relay = readRelay(bytes, start, end);
    if (relay.to === this.owner.incarnation) {
      const origin = this.membership.peers.get(relay.from);
      if (origin === undefined || !origin.isExpected || origin === sender) return;
      return this.receive(origin, relay, link, bytes, end);
    }
    // Passed on once, and only what its own origin sent: nobody speaks for somebody else.
    if (relay.from !== sender.incarnation) throw new ProtocolError('a RELAY that is passed on a second time');
    const target = this.membership.peers.get(relay.to)?.link;
    // Dropped whole where there is no room: the origin sends it again.
    if (target?.mayCarry !== true) return;
    // One that is too long would cost us the link.
    if (end - start + 1 > maxFrameLength(FRAME_RELAY, target.hello.maxFrameBytes)) return;
    target.carry(Buffer.from(bytes.subarray(start - FRAME_HEADER_BYTES, end)));
  }

  /**
   * Frames of `origin` that `via` carried. Who carries does not look into them, so what is wrong with them is held against
   * no link: an origin could have the links of others closed.
   */
  private receive(origin: Peer, { start, framesStart }: Relay, via: Link, bytes: Buffer, end: number): void {
    origin.relayedAt = this.clock.now();
    try {
      if (this.inbox.onRelayed(origin, start, bytes, framesStart, end)) this.owe(origin, via, end - framesStart);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.logger.debug('Dropped the rest of what was carried.', { from: origin.incarnation, reason: error.message });
    }
  }

  close(): void {
    this.isClosed = true;
    this.watch?.cancel();
    this.ackTimer?.cancel();
  }

  private needsDetour(peer: Peer, now: number): boolean {
    if (!peer.isExpected || peer.isRelinking) return false;
    if (peer.link !== undefined) return peer.link.isStuck;
    // One that was only heard of is dialled first: where many start at once, that may take its time.
    return peer.isAnnounced || (peer.failedDials > 1 && now - peer.aloneSince >= UNREACHED_AFTER_MS);
  }

  private keep(peer: Peer, now: number): void {
    let detour = this.active.get(peer);
    const ways = this.waysTo(peer);
    if (ways.length === 0) {
      this.active.delete(peer);
      return;
    }
    if (detour === undefined) {
      const contact = peer.acknowledged > 0 ? undefined : this.owner.firstContact(peer);
      detour = new Detour(peer, this.owner.incarnation, this.log, contact);
      this.active.set(peer, detour);
    }
    const at = detour.via === undefined ? -1 : ways.indexOf(detour.via);
    if (at < 0) detour.choose(ways[0], now);
    else if (detour.retryIfDue(now) || detour.isFruitless(now, this.owner.intervalMs)) {
      detour.choose(ways[(at + 1) % ways.length], now);
    }
    if (now >= detour.nextBeatAt) {
      detour.nextBeatAt = now + this.owner.intervalMs;
      detour.beat(this.owner.heartbeatFor(peer));
      // The link itself has to prove that it works again.
      if (peer.link !== undefined) this.prove(peer.link);
    }
    detour.pump(now);
  }

  /** One PING at a time: where answers take long, a newer one would never be answered in time. */
  private prove(link: Link): void {
    if (link.provingPing !== 0) return;
    this.owner.ping(link);
    link.provingPing = link.pingId;
  }

  /** Links to members that hear `peer` and whom we hear: the quickest first. */
  private waysTo(peer: Peer): Link[] {
    const ways: Link[] = [];
    for (const link of this.owner.bound) {
      if (link.peer !== peer && link.mayCarry && link.peer?.hears.has(peer.incarnation) === true) ways.push(link);
    }
    return ways.sort((a, b) => (a.roundTripMs ?? 1e9) - (b.roundTripMs ?? 1e9));
  }

  private lookAtLinks(): void {
    if (this.isClosed) return;
    const now = this.clock.now();
    let nextInMs = Number.POSITIVE_INFINITY;
    let isAnyStuck = false;
    for (const link of this.owner.bound) {
      if (link.awaitedSeq === 0 || link.isStuck) continue;
      const limitMs = Math.max(STUCK_MIN_MS, STUCK_ROUND_TRIPS * (link.roundTripMs ?? 0));
      const leftMs = limitMs - (now - link.awaitedSince);
      if (leftMs > 0) nextInMs = Math.min(nextInMs, leftMs);
      else link.isStuck = isAnyStuck = true;
    }
    if (isAnyStuck) this.reconsider();
    // Not later than the next one may have to be noticed, whose wait begins meanwhile.
    if (nextInMs < Number.POSITIVE_INFINITY) this.watchLinks(Math.min(nextInMs, STUCK_MIN_MS));
  }

  private owe(origin: Peer, via: Link, bytes: number): void {
    const owed = this.owed.get(origin) ?? { via, bytes: 0 };
    owed.via = via;
    owed.bytes += bytes;
    this.owed.set(origin, owed);
    if (owed.bytes >= ACK_EVERY_BYTES) return this.pay();
    this.ackTimer ??= this.clock.after(ACK_DELAY_MS, () => this.pay());
  }

  private pay(): void {
    this.ackTimer?.cancel();
    this.ackTimer = undefined;
    if (this.isClosed) return;
    for (const [origin, { via }] of this.owed) {
      if (!via.mayCarry) continue;
      sendRelayed(via, origin.incarnation, this.owner.incarnation, this.owner.heartbeatFor(origin), 0);
    }
    this.owed.clear();
  }
}
