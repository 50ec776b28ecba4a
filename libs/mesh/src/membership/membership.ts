/** Who is here: every known incarnation, what became of it, and the events about it. */
import type { PeerAddress } from 'rookery/discovery';
import { type Clock, type Logger, printable, type Timer } from '@rookery/runtime';
import { type Hello, MAX_VIEW_MEMBERS, type View, type ViewEnded, type ViewMember } from '../protocol/list-frames.js';
import type { Gap, MemberEvent, MemberMetadata, MemberStatus } from './member.js';
import { reasonForLoss } from './evidence.js';
import { Peer } from './peer.js';
import { PeerTable } from './peer-table.js';

export interface MembershipOwner {
  onMember(status: MemberStatus, event: MemberEvent): void;
  onGap(gap: Gap): void;
  /** A member that has no link should be dialled; {@link onHeard} follows. */
  onWanted(peer: Peer): void;
  /** A member told whom it hears: who has no link should be judged, and dialled, anew. */
  onHeard(): void;
  /** Whom we hear, or who left, changed. */
  onViewChanged(): void;
  /** A member left or is lost. */
  onEnded(peer: Peer): void;
  isOnThisHost(host: string): boolean;
  /** A time in the near past after which everything came that is read now. */
  readSince(): number;
}

export class Membership {
  readonly peers = new PeerTable();
  private looking: Timer | undefined;
  private readonly namesWarnedAbout = new Set<string>();

  constructor(
    private readonly self: { readonly incarnation: string; readonly name: string; readonly startedAt: number },
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly owner: MembershipOwner,
  ) {}

  /**
   * The peer that said HELLO, known or new; undefined when the table is full. The HELLO may have been under way for
   * `transitMs`: a peer that is taken for older than it is is owed more, never less.
   */
  meet(hello: Hello, address: PeerAddress, transitMs = 0): Peer | undefined {
    const identity = { name: hello.name, address, metadata: hello.metadata };
    const known = this.peers.get(hello.incarnation);
    if (known !== undefined) {
      known.describe(identity);
      known.noteAge(this.owner.readSince() - hello.ageMs - transitMs);
      return known;
    }
    const peer = this.makePeer(hello.incarnation, identity, hello.ageMs + transitMs);
    return this.peers.add(peer) ? peer : undefined;
  }

  /** The link of `peer` is bound and it told what it serves: it is up, if it was not. */
  announce(peer: Peer): void {
    const before = peer.status;
    peer.setStatus('up');
    peer.clearEvidence();
    this.owner.onViewChanged();
    if (peer.isAnnounced) {
      if (before === 'suspect') this.logger.info(`${label(peer)} is linked again.`);
      return;
    }
    peer.isAnnounced = true;
    this.warnOfNamesakes(peer);
    this.logger.info(`${label(peer)} is up.`);
    this.owner.onMember('up', { member: peer.member, reason: before === 'heard-of' ? 'linked' : 'returned' });
  }

  /** The bound link of `peer` is gone; whether that is held against it is another matter, unless it said goodbye to others. */
  unlink(peer: Peer): void {
    peer.hears.clear();
    peer.aloneSince = this.clock.now();
    this.owner.onViewChanged();
    const { goodbye } = peer;
    if (goodbye !== undefined) this.leave(peer, goodbye.head, undefined, goodbye.reason);
  }

  /** The bound link of `peer` broke. */
  suspect(peer: Peer, reason: string): void {
    if (!peer.isExpected) return;
    peer.setStatus(peer.isAnnounced ? 'suspect' : 'heard-of');
    if (!peer.isAnnounced) return;
    this.logger.warn(`${label(peer)} is suspect: ${reason}.`);
    this.owner.onMember('suspect', { member: peer.member, reason });
  }

  /** There is evidence that `peer` died. What it last did is unknown: a gap says so, before `lost` does. */
  lose(peer: Peer, reason: string): void {
    if (!peer.isExpected) return;
    peer.setStatus('lost');
    this.owner.onGap({ from: peer.member, reason: 'origin-lost', missed: undefined });
    this.end(peer, 'lost', reason);
  }

  /**
   * `peer` said goodbye with its log at `head`: to us, with how many publications for us are missing, or to another member,
   * who does not know that.
   */
  leave(peer: Peer, head: number, missed: number | undefined, reason: string): void {
    if (peer.status === 'left') return;
    const wasExpected = peer.isExpected;
    peer.setStatus('left');
    peer.leftHead = head;
    if (wasExpected && peer.last < head && missed !== 0) {
      peer.last = head;
      this.owner.onGap({ from: peer.member, reason: 'left-behind', missed });
    }
    this.end(peer, 'left', reason);
  }

  /** What `speaker` says it hears: strangers are worth a dial, and the suspect have a witness. */
  hearsay(speaker: Peer, view: View): void {
    if (view.isWhole) speaker.hears.clear();
    for (const incarnation of view.gone) speaker.hears.delete(incarnation);
    for (const entry of view.members) {
      if (entry.incarnation === this.self.incarnation) continue;
      this.hearOf(entry);
      if (speaker.hears.size < MAX_VIEW_MEMBERS) speaker.hears.add(entry.incarnation);
    }
    for (const ended of view.ended) this.hearOfEnd(speaker, ended);
    this.lookSoon();
  }

  /** Looks at everybody once for all that waits in the sockets: where many nodes start at once, views come by the hundred. */
  private lookSoon(): void {
    this.looking ??= this.clock.afterPoll(() => {
      this.looking = undefined;
      this.judgeAll();
      this.owner.onHeard();
    });
  }

  /** Addresses that discovery lists, as keys; absence counts only for those that were listed once. */
  noteListed(isListed: (peer: Peer) => boolean): void {
    for (const peer of this.peers) {
      if (!peer.isExpected) continue;
      if (isListed(peer)) {
        peer.wasListed = true;
        peer.absentAnswers = 0;
      } else if (peer.wasListed) peer.absentAnswers++;
    }
    this.judgeAll();
  }

  /** Looks at the evidence against every peer without a link. */
  judgeAll(): void {
    // Found once: thousands may be known only by hearsay, and looking at all of them for each would take seconds.
    const linked = this.linked();
    for (const peer of this.peers) this.judge(peer, linked);
  }

  judge(peer: Peer, linked = this.linked()): void {
    if (peer.link !== undefined || !peer.isExpected) return;
    const now = this.clock.now();
    const reason = reasonForLoss(
      {
        aloneSince: Math.max(peer.aloneSince, peer.relayedAt),
        refusals: peer.refusals,
        firstRefusedAt: peer.firstRefusedAt,
        lastRefusedAt: peer.lastRefusedAt,
        acceptedOurDial: peer.acceptedOurDial,
        isOnThisHost: peer.refusals > 0 && this.owner.isOnThisHost(peer.address.host),
        successor: this.successorOf(peer, linked),
        leadsToUs: peer.leadsToUs,
        isHeardByOthers: linked.some((other) => other.hears.has(peer.incarnation)),
        absentAnswers: peer.absentAnswers,
        failedDials: peer.failedDials,
      },
      now,
    );
    if (reason !== undefined) this.lose(peer, reason);
  }

  private end(peer: Peer, status: 'lost' | 'left', reason: string): void {
    peer.hears.clear();
    peer.endedAt = this.clock.now();
    this.owner.onViewChanged();
    this.owner.onEnded(peer);
    if (!peer.isAnnounced) return;
    peer.isAnnounced = false;
    if (status === 'lost') this.logger.warn(`${label(peer)} is lost: ${reason}.`);
    else this.logger.info(`${label(peer)} left: ${reason}.`);
    this.owner.onMember(status, { member: peer.member, reason });
  }

  private makePeer(
    incarnation: string,
    identity: { readonly name: string; readonly address: PeerAddress; readonly metadata: MemberMetadata },
    ageMs: number,
  ): Peer {
    // What told its age may have waited for us to read it: taken for older than it is, it is owed more, never less.
    return new Peer(incarnation, identity, this.clock.now(), this.owner.readSince() - ageMs, this.self.startedAt);
  }

  private hearOf({ incarnation, name, host, port, metadata, ageMs }: ViewMember): void {
    let peer = this.peers.get(incarnation);
    if (peer === undefined) {
      const identity = { name, address: { host, port }, metadata };
      peer = this.makePeer(incarnation, identity, ageMs);
      if (!this.peers.add(peer)) return;
    } else {
      peer.noteAge(this.owner.readSince() - ageMs);
      if (peer.status === 'lost') {
        // A living witness: it may return, and is worth a dial.
        peer.setStatus('heard-of');
        peer.clearEvidence();
        peer.aloneSince = this.clock.now();
      }
    }
    if (peer.link === undefined && peer.isExpected) this.owner.onWanted(peer);
  }

  /** Who is linked to us from the address of `peer`, which has no link. */
  private successorOf(peer: Peer, linked: readonly Peer[]): string | undefined {
    for (const other of linked) {
      // Not the other way round: a link with whoever was there before may be half-open when others tell of who is there now.
      const isAlive = other.link?.hasStarted === true && other.link.heardAt >= peer.metAt;
      if (isAlive && other !== peer && other.addressKey === peer.addressKey) return label(other);
    }
    return undefined;
  }

  /** `speaker` says that a member is no more. */
  private hearOfEnd(speaker: Peer, { incarnation, name, host, port, isLost, head, endedMs }: ViewEnded): void {
    if (incarnation === this.self.incarnation) return;
    const known = this.peers.get(incarnation);
    if (known !== undefined) {
      // That others lost it is no evidence for us.
      if (isLost) return;
      const reason = `goodbye, heard by ${speaker.name}`;
      // One that holds a link to us will say goodbye itself, in order, unless that link is dead already.
      if (known.link === undefined) this.leave(known, head, undefined, reason);
      else known.goodbye = { head, reason };
      return;
    }
    // It lived in our lifetime, and we never heard of it: what it published is missing here.
    if (endedMs >= this.clock.now() - this.self.startedAt || (!isLost && head === 0)) return;
    const peer = this.makePeer(incarnation, { name, address: { host, port }, metadata: {} }, endedMs);
    if (!this.peers.add(peer)) return;
    if (isLost) this.lose(peer, `lost by ${speaker.name}`);
    else this.leave(peer, head, undefined, `goodbye, heard by ${speaker.name}`);
    peer.endedAt = this.clock.now() - endedMs;
  }

  private linked(): Peer[] {
    return [...this.peers].filter(({ link }) => link !== undefined);
  }

  private warnOfNamesakes(peer: Peer): void {
    if (this.namesWarnedAbout.has(peer.name)) return;
    const isNamesake = (other: { readonly name: string; readonly incarnation: string }): boolean =>
      other.name === peer.name && other.incarnation !== peer.incarnation;
    const others = [...this.peers].filter((other) => other.status === 'up' && isNamesake(other));
    if (others.length === 0 && !isNamesake(this.self)) return;
    if (this.namesWarnedAbout.size < 1_000) this.namesWarnedAbout.add(peer.name);
    this.logger.warn(
      `Several live nodes are called '${printable(peer.name)}'. All are members; give each its own \`name\` to tell them apart.`,
    );
  }
}

/** How a log line names a peer. */
export function label(peer: Peer): string {
  return `${printable(peer.name)} (${peer.address.host}:${peer.address.port}, ${peer.incarnation})`;
}
