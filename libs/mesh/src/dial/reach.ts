/** Whom we can reach, and how: addresses from discovery and from members, against the links that are there. */
import { addressKey, type PeerAddress } from 'rookery/discovery';
import { type Clock, type Logger, printable, type Random } from '@rookery/runtime';
import type { UnprovenAddress } from '../freshness.js';
import type { Link } from '../link/link.js';
import type { Membership } from '../membership/membership.js';
import type { Peer } from '../membership/peer.js';
import type { DialStats } from '../mesh-stats.js';
import type { Reject } from '../protocol/list-frames.js';
import type { Connection, DialFailureKind, Transport } from '../transport/transport.js';
import { Dialer, type DialerOwner, type DialOutcome, type DialTarget } from './dialer.js';
import type { ListedAddress } from './discovery-loop.js';
import { mendOf } from './mend.js';

/** Who learned of a member from another one dials first if its incarnation is the lower, else after this time ... */
const HIGHER_DIALS_AFTER_MS = 2_000;
/** ... in which no other link came about, but by then at the latest: where many start at once, the lower one is only busy. */
const HIGHER_DIALS_BY_MS = 10_000;
/** A dial of a suspect member waits so long for its host, or so many round trips: its SYN may be lost, and is repeated only after a second. */
const SUSPECT_TIMEOUT_MS = 500;
const SUSPECT_ROUND_TRIPS = 3;
/** A link that stood this long resets the back-off of its address. */
const STEADY_AFTER_MS = 10_000;
/** A link that stood this long was of use, even if nothing was published. */
const OF_USE_AFTER_MS = 1_000;

const NO_STRATEGIES: readonly string[] = [];

/** A node that found nobody for so long says so. */
const ALONE_MS = 30_000;

/** Failures of a dial that only a person can mend: they are told at warning, all others at debug. */
const WORTH_A_WARNING: ReadonlySet<DialFailureKind> = new Set<DialFailureKind>(['unauthenticated', 'foreign']);

export interface ReachOwner {
  readonly incarnation: string;
  /** The name of our cluster. */
  readonly cluster: string;
  /** Where we listen ourselves. */
  ownAddress(): PeerAddress;
  isLeaving(): boolean;
  readonly bound: ReadonlySet<Link>;
  /** A dial led to a connection; undefined when there is no room for a link. */
  onConnection(connection: Connection, target: DialTarget): Link | undefined;
  /** What is known about an address changed. */
  onChanged(): void;
}

export class Reach implements DialerOwner {
  private readonly dialer: Dialer;
  /** The targets of links that we dialled. */
  private readonly dialledFor = new Map<Link, DialTarget>();
  /** Targets of links that are not bound yet. */
  private readonly shakingHands = new Set<DialTarget>();
  private own: { readonly address: PeerAddress | undefined; readonly key: string } = { address: undefined, key: '' };
  private listed = new Map<string, ListedAddress>();
  /** When a link was bound last, whoever dialled. */
  private boundAt = Number.NEGATIVE_INFINITY;
  /** Since when there is no link at all, and whether a person was told. */
  private aloneSince: { readonly at: number; isTold: boolean } | undefined;
  /** Whom a dial or a handshake is under way to; made anew for each look at all targets. */
  private readonly reached = new Set<string>();
  /** What a person was told about an address, so that it is told once. */
  private readonly toldOf = new WeakMap<DialTarget, DialOutcome>();

  constructor(
    transport: Transport,
    private readonly clock: Clock,
    random: Random,
    private readonly logger: Logger,
    private readonly membership: Membership,
    private readonly owner: ReachOwner,
  ) {
    this.dialer = new Dialer(transport, clock, random, this);
  }

  reconcile(): void {
    this.dialer.reconcile();
  }

  close(): void {
    this.dialer.close();
  }

  /** Discovery answered. `isComplete`: every strategy did, so what is absent is absent. */
  onListed(addresses: readonly ListedAddress[], isComplete: boolean): void {
    this.listed = new Map(addresses.map((listed) => [addressKey(listed.address), listed]));
    for (const target of this.dialer) target.listedBy = this.listed.get(target.key)?.strategies ?? NO_STRATEGIES;
    for (const { address, strategies } of addresses) {
      const target = this.dialer.target(address);
      if (target !== undefined) target.listedBy = strategies;
    }
    if (isComplete) this.membership.noteListed((peer) => this.isListed(peer));
    this.reconcile();
    this.owner.onChanged();
  }

  /** A member told of `peer`; {@link reconcile} follows when it has told everything. */
  want(peer: Peer): void {
    const target = this.dialer.target(peer.address, peer.addressKey);
    if (target === undefined || target.owner === peer.incarnation) return;
    // No stranger, as it seemed to be when it was too busy to answer.
    if (target.outcome === 'silent' && this.isStranger(target)) target.notBefore = 0;
    target.owner = peer.incarnation;
    if (this.owner.incarnation > peer.incarnation) {
      target.notBefore = Math.max(target.notBefore, this.clock.now() + HIGHER_DIALS_AFTER_MS);
    }
  }

  /** The handshake told who is at the other end of `link`. */
  identify(link: Link, incarnation: string): void {
    const target = this.dialledFor.get(link);
    if (target !== undefined) target.owner = incarnation;
  }

  noteBound(link: Link): void {
    this.boundAt = this.clock.now();
    const target = this.dialledFor.get(link);
    if (target === undefined) return;
    this.shakingHands.delete(target);
    this.dialer.noteLinked(target);
  }

  noteClosed(link: Link, wasBound: boolean, reason: string): void {
    const target = this.dialledFor.get(link);
    if (target === undefined) return;
    this.dialledFor.delete(link);
    this.shakingHands.delete(target);
    const outcome: DialOutcome = link.saidGoodbye ? 'left' : (link.rejection?.code ?? 'closed');
    if (outcome === 'self') this.noteSelf(target);
    // The peer holds another link. Where we do not, it is half-open, and the peer will notice: no hurry.
    if (outcome === 'duplicate-link' && link.peer?.link !== undefined) this.dialer.noteEnded(target, 'duplicate-link');
    else if (wasBound) this.dialer.noteEnded(target, 'closed');
    else {
      this.dialer.noteFailure(target, outcome, link.rejection?.text ?? reason);
      if (link.rejection !== undefined) this.tellRejection(target, link.rejection);
    }
  }

  /** The address is our own: nobody else can be there any more. */
  private noteSelf(target: DialTarget): void {
    target.owner = this.owner.incarnation;
    for (const peer of this.membership.peers) {
      if (peer.link !== undefined || peer.addressKey !== target.key) continue;
      peer.leadsToUs = true;
      this.membership.judge(peer);
    }
  }

  /**
   * The link to `peer` broke. At once when it was of use; with back-off when links keep breaking before anything came of
   * them: a fault that repeats, such as bytes that one end does not accept, must not become a storm.
   */
  redial(peer: Peer, link: Link, reason: string): void {
    const target = this.dialer.target(peer.address, peer.addressKey);
    if (target === undefined) return;
    target.owner = peer.incarnation;
    const age = this.clock.now() - link.boundAt;
    const wasOfUse =
      age >= OF_USE_AFTER_MS || peer.last > link.receivedAtBind || peer.acknowledged > link.acknowledgedAtBind;
    const isBadBytes = reason.startsWith('protocol error');
    if (wasOfUse && !isBadBytes) this.dialer.noteSteady(target);
    else if (target.attempts > 0 || isBadBytes) return this.dialer.noteFailure(target, 'closed');
    else target.attempts++;
    this.dialer.noteEnded(target, 'closed');
  }

  /** Called now and then. */
  tick(): void {
    const now = this.clock.now();
    for (const [link, target] of this.dialledFor) {
      if (link.boundAt > 0 && target.attempts > 0 && now - link.boundAt >= STEADY_AFTER_MS)
        this.dialer.noteSteady(target);
    }
    this.tellLoneliness(now);
    this.reconcile();
  }

  /** A node that finds nobody where somebody is listed is as quiet as one that is well: a person is told, once. */
  private tellLoneliness(now: number): void {
    if (this.owner.bound.size > 0) this.aloneSince = undefined;
    else this.aloneSince ??= { at: now, isTold: false };
    if (this.aloneSince === undefined || this.aloneSince.isTold || now - this.aloneSince.at < ALONE_MS) return;
    const others = [...this.dialer].filter(
      (target) => target.listedBy.length > 0 && this.outcomeNow(target) !== 'self' && target.attempts > 0,
    );
    const [first] = others;
    if (first === undefined) return;
    this.aloneSince.isTold = true;
    const mend = this.mendFor(first.outcome, first);
    this.logger.warn(
      `No member was found at the addresses that discovery lists (${others.length}) for ${ALONE_MS / 1_000} s, such as ` +
        `${first.key} (${first.failure ?? first.outcome}).${mend === undefined ? '' : ` ${mend}`} \`npx rookery doctor\` says more.`,
    );
  }

  /** Whether every address is linked or has failed once. */
  get isSettled(): boolean {
    for (const target of this.dialer) {
      if (this.shakingHands.has(target)) return false;
      if (target.attempts === 0 && this.wants(target)) return false;
    }
    return true;
  }

  /** Addresses that discovery lists, at which no peer is known: known ones are judged by their own proof. */
  unproven(): UnprovenAddress[] {
    const unproven: UnprovenAddress[] = [];
    for (const { key, owner, listedBy, outcome, knownAt } of this.dialer) {
      if (listedBy.length === 0 || owner === this.owner.incarnation) continue;
      const peer = owner === undefined ? undefined : this.membership.peers.get(owner);
      if (peer?.isExpected === true || (peer === undefined && this.isLinkedAt(key))) continue;
      unproven.push({ address: key, strategies: listedBy, outcome, since: knownAt });
    }
    return unproven;
  }

  /** What came of every address. `nameOf` knows the names of incarnations, our own included. */
  stats(nameOf: (incarnation: string) => string | undefined): DialStats[] {
    return [...this.dialer].map((target) => {
      const { key, listedBy, owner, attempts, detail } = target;
      const outcome = this.outcomeNow(target);
      const isWell = outcome === 'linked' || outcome === 'self';
      return {
        address: key,
        strategies: listedBy,
        outcome,
        member: owner === undefined ? this.linkedAt(key)?.name : nameOf(owner),
        attempts: isWell ? 0 : attempts,
        detail: isWell ? undefined : detail,
        mend: this.mendFor(outcome, target),
      };
    });
  }

  /** While it is dialled again, what is to be done is as before. */
  private mendFor(outcome: DialOutcome, { failure }: DialTarget): string | undefined {
    return mendOf(outcome === 'dialling' && failure !== undefined ? failure : outcome, this.owner.cluster);
  }

  /** What is so by now: a peer may have dialled us since our own dial came to nothing. */
  private outcomeNow({ key, owner, outcome }: DialTarget): DialOutcome {
    if (owner === this.owner.incarnation || this.isOwnAddress(key)) return 'self';
    const peer = owner === undefined ? this.linkedAt(key) : this.membership.peers.get(owner);
    return peer?.link === undefined ? outcome : 'linked';
  }

  // ---- from the dialer --------------------------------------------------------------------------------------------

  beforeReconcile(): void {
    this.reached.clear();
    // A peer may be known under several addresses: one dial at a time is enough.
    for (const { owner, isDialling } of this.dialer) if (isDialling && owner !== undefined) this.reached.add(owner);
    for (const { owner } of this.shakingHands) if (owner !== undefined) this.reached.add(owner);
  }

  onDialling({ owner }: DialTarget): void {
    if (owner !== undefined) this.reached.add(owner);
  }

  suspectTimeoutMs({ owner }: DialTarget): number | undefined {
    const peer = owner === undefined ? undefined : this.membership.peers.get(owner);
    if (peer === undefined || !peer.isAnnounced || !peer.isExpected) return undefined;
    return Math.max(SUSPECT_TIMEOUT_MS, SUSPECT_ROUND_TRIPS * peer.roundTripMs);
  }

  yieldsUntil({ owner, outcome, knownAt }: DialTarget): number {
    if (outcome !== 'new' || owner === undefined || owner > this.owner.incarnation) return 0;
    return Math.min(this.boundAt + HIGHER_DIALS_AFTER_MS, knownAt + HIGHER_DIALS_BY_MS);
  }

  wants(target: DialTarget): boolean {
    if (this.owner.isLeaving() || this.shakingHands.has(target)) return false;
    const { owner } = target;
    if (owner === undefined) return target.listedBy.length > 0 && !this.isLinkedAt(target.key);
    if (owner === this.owner.incarnation) return false;
    const peer = this.membership.peers.get(owner);
    if (peer === undefined) return target.listedBy.length > 0;
    if (peer.link !== undefined || peer.isRelinking || this.reached.has(owner)) return false;
    // Whoever was there is gone: someone new may come, if discovery still lists the address.
    return peer.isExpected || target.listedBy.length > 0;
  }

  isStranger({ owner }: DialTarget): boolean {
    return owner === undefined || this.membership.peers.get(owner)?.isExpected !== true;
  }

  isObsolete(target: DialTarget): boolean {
    if (target.listedBy.length > 0) return false;
    const peer = target.owner === undefined ? undefined : this.membership.peers.get(target.owner);
    return peer === undefined || (!peer.isExpected && peer.link === undefined);
  }

  onConnection(connection: Connection, target: DialTarget): void {
    const link = this.owner.onConnection(connection, target);
    if (link === undefined) this.dialer.noteFailure(target, 'busy');
    else {
      this.dialledFor.set(link, target);
      this.shakingHands.add(target);
    }
  }

  onDialFailed(target: DialTarget, kind: DialFailureKind, message: string): void {
    if (!WORTH_A_WARNING.has(kind)) {
      this.logger.debug(`Cannot link with ${target.key}: ${printable(message)}.`, { outcome: kind });
    } else if (this.isNews(target, kind)) {
      this.logger.warn(`Cannot link with ${target.key}: ${printable(message)}. ${mendOf(kind, this.owner.cluster)}`, {
        outcome: kind,
      });
    }
    const peer = target.owner === undefined ? undefined : this.membership.peers.get(target.owner);
    if (peer !== undefined && peer.link === undefined) {
      peer.failedDials++;
      if (kind === 'refused') peer.noteRefusal(this.clock.now());
      this.membership.judge(peer);
    }
    this.owner.onChanged();
  }

  /** The peer refused us, in words that begin a sentence here. */
  private tellRejection(target: DialTarget, { code, text }: Reject): void {
    if (code === 'self' || code === 'duplicate-link' || !this.isNews(target, code)) return;
    const theirs = `Cannot link with ${target.key}: ${printable(text)}`;
    const mend = mendOf(code, this.owner.cluster);
    this.logger.warn(`${theirs}.${mend === undefined ? '' : ` ${mend}`}`, { outcome: code });
  }

  /** Whether a person is to be told: at the first failure in a row, and when it is another one than was told last. */
  private isNews(target: DialTarget, outcome: DialOutcome): boolean {
    if (target.attempts !== 1 && this.toldOf.get(target) === outcome) return false;
    this.toldOf.set(target, outcome);
    return true;
  }

  private isLinkedAt(key: string): boolean {
    return this.linkedAt(key) !== undefined || this.isOwnAddress(key);
  }

  private linkedAt(key: string): Peer | undefined {
    for (const { peer } of this.owner.bound) if (peer?.addressKey === key) return peer;
    return undefined;
  }

  private isOwnAddress(key: string): boolean {
    const own = this.owner.ownAddress();
    if (own !== this.own.address) this.own = { address: own, key: addressKey(own) };
    return this.own.key === key;
  }

  /** A peer is listed under its own address, or under one at which we found it. */
  private isListed(peer: Peer): boolean {
    if (this.listed.has(peer.addressKey)) return true;
    for (const { owner, listedBy } of this.dialer) if (owner === peer.incarnation && listedBy.length > 0) return true;
    return false;
  }
}
