/**
 * The mesh of one node: composition and life cycle, and the rules that bind its parts together. Protocol details live in
 * the parts; see docs/protocol.md.
 */
import { networkInterfaces } from 'node:os';
import {
  addressKey,
  type DiscoveryContext,
  isLoopback,
  isThisHost,
  isUnspecified,
  type PeerAddress,
} from 'rookery/discovery';
import { type Clock, type Logger, printable, type Random } from '@rookery/runtime';
import { Outbox } from './delivery/outbox.js';
import { Dialer, type DialOutcome, type DialTarget } from './dial/dialer.js';
import { DiscoveryLoop, type ListedAddress } from './dial/discovery-loop.js';
import { ClusterError, ProtocolError } from './errors.js';
import { type Freshness, judgeFreshness, type UnprovenAddress } from './freshness.js';
import { Heartbeats } from './link/heartbeats.js';
import { replacesCurrent } from './link/link-choice.js';
import { Link, type LinkOwner } from './link/link.js';
import { boundedNextMs } from './link/liveness.js';
import { PublicationLog } from './log/publication-log.js';
import type { GapReason, Member, MemberStatus } from './membership/member.js';
import { label, Membership } from './membership/membership.js';
import type { Peer } from './membership/peer.js';
import { ViewGossip } from './membership/view-gossip.js';
import type { ResolvedMeshOptions } from './mesh-options.js';
import type { MeshSink } from './mesh-sink.js';
import type { LinkStats, MeshStats } from './mesh-stats.js';
import {
  byeFrame,
  confirmFrame,
  type ConfirmOutcome,
  readBye,
  readConfirm,
  readGap,
  readHeartbeat,
  readNumber,
  startFrame,
} from './protocol/control-frames.js';
import {
  FRAME_BYE,
  FRAME_CONFIRM,
  FRAME_GAP,
  FRAME_PING,
  FRAME_PONG,
  FRAME_PUBLICATION,
  FRAME_REJECT,
  FRAME_SERVES,
  FRAME_SKIP,
  FRAME_START,
  FRAME_VIEW,
} from './protocol/frame.js';
import {
  type Hello,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
  readReject,
  readServes,
  readView,
  type Reject,
  servesFrame,
} from './protocol/list-frames.js';
import type { KeyRing } from './transport/key-ring.js';
import type { Connection, DialFailureKind, Listener, Transport } from './transport/transport.js';

/** A newcomer is replayed what was published since its own start, and this much before: clocks and starts are not exact. */
const FIRST_CONTACT_SLACK_MS = 10_000;
/** Who learned of a member from another one dials first if its incarnation is the lower, else after this time. */
const HIGHER_DIALS_AFTER_MS = 500;
/** A link that stood this long resets the back-off of its address. */
const STEADY_AFTER_MS = 10_000;
/** A link that stood this long was of use, even if nothing was published. */
const OF_USE_AFTER_MS = 1_000;
/** A link that the peer replaced by another one: by then the other one has begun, or is not worth waiting for. */
const SUCCESSOR_TIMEOUT_MS = 1_000;
/** How long a goodbye waits for what stands before it on a link that is slow. */
const GOODBYE_MS = 500;
/** A view of this many links or fewer is small; more is refused. */
const MAX_LINKS = 1_000;

export interface MeshEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the transport once the keys are derived. */
  readonly makeTransport: (keys: KeyRing) => Transport;
  readonly makeKeys: () => Promise<KeyRing>;
}

export class Mesh implements LinkOwner {
  readonly clock: Clock;
  readonly log: PublicationLog;
  readonly maxFrameBytes: number;
  readonly incarnation: string;
  private readonly logger: Logger;
  private readonly random: Random;
  private readonly startedAt: number;
  private readonly outbox: Outbox;
  private readonly heartbeats: Heartbeats;
  private readonly view: ViewGossip;
  private readonly membership: Membership;
  /** Every open link, whether bound or not. */
  private readonly links = new Set<Link>();
  private readonly bound = new Set<Link>();
  private readonly dialledFor = new Map<Link, DialTarget>();
  private readonly acknowledgedWaiters = new Set<() => void>();
  private keys: KeyRing | undefined;
  private dialer: Dialer | undefined;
  private discovery: DiscoveryLoop | undefined;
  private listener: Listener | undefined;
  private ownAddress: PeerAddress;
  private ownMember: Member | undefined;
  private listed = new Map<string, ListedAddress>();
  private readonly readyChecks = new Set<() => void>();
  /** Whom a dial or a handshake is under way to; made anew for each look at all targets. */
  private readonly reached = new Set<string>();
  /** After the goodbye began: links that were not told it yet. */
  private readonly parting = new Set<Link>();
  private phase: 'new' | 'starting' | 'running' | 'leaving' | 'left' = 'new';

  constructor(
    private readonly options: ResolvedMeshOptions,
    private readonly environment: MeshEnvironment,
    private readonly sink: MeshSink,
  ) {
    this.clock = environment.clock;
    this.random = environment.random;
    this.logger = options.logger;
    this.incarnation = this.random.bytes(8).toString('hex');
    this.maxFrameBytes = options.limits.maxFrameBytes;
    this.startedAt = this.clock.now();
    this.ownAddress = options.listen;
    this.log = new PublicationLog({ ...options.limits, maxDirected: 65_536 });
    this.outbox = new Outbox(this.log, options.limits.windowBytes, this.incarnation, this.clock, this.logger, {
      boundLinks: () => this.bound,
      get hasSubscriptions() {
        return sink.hasSubscriptions;
      },
      deliverLocally: (seq, bytes, start, end) => sink.onPublication(this.self, seq, bytes, start, end, false),
      onLocalGap: (missed) => sink.onGap({ from: this.self, reason: 'window', missed }),
    });
    this.view = new ViewGossip(this.clock, { boundLinks: () => this.bound });
    const { log, view, bound } = this;
    this.heartbeats = new Heartbeats(this.clock, this.random, options.limits.idleBytesPerSecond, {
      boundLinks: () => bound,
      get head() {
        return log.head;
      },
      get viewVersion() {
        return view.version;
      },
      onTick: () => this.onTick(),
    });
    this.membership = new Membership({ incarnation: this.incarnation, name: options.name }, this.clock, this.logger, {
      onMember: (status, event) => this.onMember(status, event),
      onGap: (gap) => sink.onGap(gap),
      onWanted: (peer) => this.onWanted(peer),
      onHeard: () => this.dialer?.reconcile(),
      onViewChanged: () => this.view.changed(),
      onLeaver: (peer) => this.view.noteLeaver(peer),
      isOnThisHost: (host) => isThisHost(host, networkInterfaces()),
    });
  }

  /** This node as a member. */
  get self(): Member {
    return (this.ownMember ??= Object.freeze({
      name: this.options.name,
      incarnation: this.incarnation,
      status: this.phase === 'left' ? 'left' : 'up',
      address: this.ownAddress,
      metadata: this.options.metadata,
    }));
  }

  /** Other nodes with that status; without one, those that are up or suspect. */
  members(status?: MemberStatus): readonly Member[] {
    const members: Member[] = [];
    for (const peer of this.membership.peers) {
      const fits = status === undefined ? peer.isAnnounced : peer.status === status;
      if (fits) members.push(peer.member);
    }
    return members;
  }

  member(incarnation: string): Member | undefined {
    return incarnation === this.incarnation ? this.self : this.membership.peers.get(incarnation)?.member;
  }

  /** Derives the keys, listens, and begins to look for peers. Rejects, with nothing left open, when it cannot listen. */
  async start(): Promise<void> {
    this.phase = 'starting';
    this.keys = await this.environment.makeKeys();
    if (this.isLeaving) return;
    const transport = this.environment.makeTransport(this.keys);
    this.listener = await transport.listen(this.options.listen, (connection) => this.accept(connection, ''));
    if (this.isLeaving) return this.listener.close();
    this.ownAddress = this.describeOwnAddress(this.listener.address);
    this.ownMember = undefined;
    this.phase = 'running';
    this.logger.info(`${this.options.name} listens on ${addressKey(this.listener.address)}.`, {
      cluster: this.options.cluster,
      incarnation: this.incarnation,
    });
    this.dialer = new Dialer(transport, this.clock, this.random, {
      beforeReconcile: () => this.findReached(),
      onDialling: ({ owner }) => void (owner !== undefined && this.reached.add(owner)),
      wants: (target) => this.wants(target),
      isObsolete: (target) => this.isObsolete(target),
      onConnection: (connection, target) => {
        const link = this.accept(connection, target.owner ?? '', target);
        if (link === undefined) this.dialer?.noteFailure(target, 'busy');
      },
      onDialFailed: (target, kind, message) => this.onDialFailed(target, kind, message),
    });
    this.heartbeats.start();
    this.discovery = new DiscoveryLoop(
      this.options.discovery,
      (changed) => this.makeDiscoveryContext(changed),
      this.clock,
      this.random,
      this.logger,
      { onListed: (addresses, isComplete) => this.onListed(addresses, isComplete) },
    );
    void this.discovery.start();
  }

  /** Resolves once every address of the first discovery answer, and everyone those know, is linked or has failed once. */
  async formed(timeoutMs: number): Promise<void> {
    if (this.isFormed()) return;
    await new Promise<void>((resolve) => {
      const check = (isTimeUp = false): void => {
        if (!isTimeUp && !this.isFormed() && !this.isLeaving) return;
        timer.cancel();
        this.readyChecks.delete(check);
        resolve();
      };
      const timer = this.clock.after(timeoutMs, () => check(true));
      this.readyChecks.add(check);
    });
  }

  /** Appends a publication to the log; returns its number. */
  publish(topic: Buffer, payload: unknown, flags: number, target?: string): number {
    if (this.isLeft) throw leftError();
    return this.outbox.publish(topic, payload, flags, target);
  }

  /** Sends what waits, without waiting for the end of the turn. */
  flush(): void {
    this.outbox.flush();
  }

  /** Sends what waits for links; own subscribers hear it at the end of the turn. */
  flushLinks(): void {
    this.outbox.flushLinks();
  }

  writable(): Promise<void> {
    return this.outbox.writable();
  }

  /** Answers a publication that asked for confirmation. Harmless when the link is gone: the sender then waits or times out. */
  confirm(to: string, seq: number, outcome: ConfirmOutcome): void {
    this.membership.peers.get(to)?.link?.send(confirmFrame(seq, outcome));
  }

  /** Asks every linked peer to acknowledge at once. */
  pingAll(): void {
    for (const link of this.bound) this.heartbeats.ping(link);
  }

  freshness(): Freshness {
    const unproven: UnprovenAddress[] = [];
    for (const target of this.dialer ?? []) {
      if (target.listedBy === undefined || target.owner === this.incarnation) continue;
      // Known peers are judged by their own proof.
      const owner = target.owner === undefined ? undefined : this.membership.peers.get(target.owner);
      if (owner?.isExpected === true || (owner === undefined && this.isLinkedAt(target.key))) continue;
      unproven.push({ address: target.key, strategy: target.listedBy, outcome: target.outcome });
    }
    return judgeFreshness(
      {
        unanswered: this.discovery?.unanswered ?? this.options.discovery.map(({ name }) => name),
        peers: [...this.membership.peers].filter((peer) => peer.isExpected),
        unproven,
        slowestHandler: this.sink.slowestHandler(),
      },
      this.clock.now(),
    );
  }

  forget(incarnation: string): boolean {
    const peer = this.membership.peers.get(incarnation);
    if (peer === undefined) return false;
    peer.link?.close('forgotten by request');
    this.membership.lose(peer, 'forgotten by request');
    return true;
  }

  stats(): MeshStats {
    const links: LinkStats[] = [];
    for (const link of this.bound) {
      const { peer, connection } = link;
      if (peer === undefined) continue;
      links.push({
        member: peer.member,
        isDialled: link.isDialled,
        remoteAddress: addressKey(connection.remote),
        keyId: connection.keyId,
        roundTripMs: link.roundTripMs,
        lag: Math.max(0, this.log.head - peer.acknowledged),
        cursorLag: link.cursor === undefined ? 0 : this.log.head + 1 - link.cursor.seq,
        received: peer.last,
        bytesSent: connection.bytesSent,
        bytesReceived: connection.bytesReceived,
      });
    }
    return {
      log: { head: this.log.head, first: this.log.first(this.clock.now()), bytes: this.log.bytes },
      links,
      discovery: [...(this.dialer ?? [])].map((target) => ({
        address: target.key,
        strategy: target.listedBy,
        outcome: target.outcome,
        member: target.owner === undefined ? undefined : this.member(target.owner)?.name,
      })),
      overruns: this.outbox.overruns,
    };
  }

  /** Flushes, waits for acknowledgements, says goodbye and closes. */
  async leave(): Promise<void> {
    if (this.isLeaving) return;
    const wasRunning = this.phase === 'running';
    this.phase = 'leaving';
    this.checkReady();
    this.dialer?.close();
    // Withdrawing may be slow; peers should hear goodbye meanwhile.
    const withdrawn = this.discovery?.stop();
    if (wasRunning) await this.drain();
    this.phase = 'left';
    this.ownMember = undefined;
    this.heartbeats.close();
    this.view.close();
    this.listener?.close();
    await this.sayGoodbye();
    await withdrawn;
  }

  /** The number of our newest publication. */
  get head(): number {
    return this.log.head;
  }

  /** The number of the newest publication of ours that our own subscribers were given. */
  get deliveredLocally(): number {
    return this.outbox.deliveredLocally;
  }

  get isLeft(): boolean {
    return this.phase === 'left';
  }

  private get isLeaving(): boolean {
    return this.phase === 'leaving' || this.phase === 'left';
  }

  // ---- links: handshake and binding -------------------------------------------------------------------------------

  makeHello(link: Link, to: string): Hello {
    const peer = this.membership.peers.get(to);
    link.receivedAtHello = peer?.received ?? 0;
    const { name, cluster, metadata, advertise, listen } = this.options;
    const host = advertise?.host ?? (isUnspecified(listen.host) ? '' : listen.host);
    return {
      protocolMin: PROTOCOL_MIN,
      protocolMax: PROTOCOL_MAX,
      features: 0,
      cluster,
      incarnation: this.incarnation,
      name,
      ageMs: Math.max(0, Math.round(this.clock.now() - this.startedAt)),
      metadata,
      host,
      port: this.ownAddress.port,
      maxFrameBytes: this.maxFrameBytes,
      nonce: link.nonce === '' ? this.random.bytes(8).toString('hex') : link.nonce,
      to,
      have: peer?.last ?? 0,
      head: this.log.head,
      first: this.log.first(this.clock.now()),
      dropped: peer?.dropped ?? '',
    };
  }

  examine(link: Link, hello: Hello): Reject | undefined {
    if (hello.incarnation === this.incarnation) return { code: 'self', text: 'this is the same process' };
    if (hello.cluster !== this.options.cluster) {
      return { code: 'cluster', text: `this node belongs to cluster '${this.options.cluster}'` };
    }
    if (hello.protocolMin > PROTOCOL_MAX || hello.protocolMax < PROTOCOL_MIN) {
      return { code: 'version', text: `this node speaks protocol ${PROTOCOL_MIN} to ${PROTOCOL_MAX}` };
    }
    if (hello.to === this.incarnation && hello.have > this.log.head) {
      throw new ProtocolError(`the peer claims to have ${hello.have} of our ${this.log.head} publications`);
    }
    const target = this.dialledFor.get(link);
    if (target !== undefined) target.owner = hello.incarnation;
    return undefined;
  }

  onReady(link: Link): void {
    const { hello } = link;
    const peer = this.membership.meet(hello, this.addressOf(link));
    if (peer === undefined) return link.reject({ code: 'busy', text: 'too many members' });
    link.peer = peer;
    if (link.isDialled) peer.acceptedOurDial = true;
    // The lower incarnation alone decides; the other side waits for its START.
    if (this.incarnation > hello.incarnation) return;
    const current = peer.link;
    if (current !== undefined && !replacesCurrent(link, current, hello.dropped === current.nonce)) {
      return link.reject({ code: 'duplicate-link', text: 'another link between us is in use' });
    }
    this.bind(link, peer);
  }

  private bind(link: Link, peer: Peer): void {
    const now = this.clock.now();
    const previous = peer.link;
    peer.link = link;
    peer.isRelinking = false;
    link.noteBound(now);
    link.receivedAtBind = peer.last;
    link.acknowledgedAtBind = peer.acknowledged = Math.max(peer.acknowledged, link.hello.have);
    this.bound.add(link);
    if (previous !== undefined) previous.reject({ code: 'duplicate-link', text: 'replaced by a newer link' });
    const target = this.dialledFor.get(link);
    if (target !== undefined) this.dialer?.noteLinked(target);
    this.greet(link);
    peer.learnHead(link.hello.head, now);
    if (link.isDialled) this.heartbeats.ping(link);
    link.pump();
  }

  /**
   * The first frames of a bound link: where the peer's cursor starts (behind what it has, or for a newcomer at what was
   * published in its lifetime), what we serve, whom we hear. Only then may anything follow that the peer hands up, even a
   * gap: SERVES is what makes us `up` there.
   */
  private greet(link: Link): void {
    const { have, ageMs, incarnation } = link.hello;
    const now = this.clock.now();
    const since = now - ageMs - FIRST_CONTACT_SLACK_MS;
    const { seq, isComplete } = have > 0 ? { seq: have + 1, isComplete: true } : this.log.startSince(since, now);
    const isGap = !isComplete && seq > 1;
    link.cursor = this.log.cursorAt(seq);
    link.send(startFrame(isGap ? 1 : seq));
    link.send(servesFrame([]));
    this.view.sendWhole(link);
    if (isGap) link.sendGap(seq - 1, 'first-contact', this.log.missedBetween(1, seq - 1, incarnation));
  }

  private addressOf(link: Link): PeerAddress {
    const { host, port } = link.hello;
    const { remote } = link.connection;
    // A loopback address that another host tells us is its own, not one of ours.
    const isUsable = host !== '' && (!isLoopback(host) || isLoopback(remote.host));
    return { host: isUsable ? host : remote.host, port };
  }

  private accept(connection: Connection, expected: string, target?: DialTarget): Link | undefined {
    if (this.isLeaving || this.links.size >= MAX_LINKS) {
      connection.destroy(this.isLeaving ? 'leaving' : `${MAX_LINKS} links are open already`);
      return undefined;
    }
    const link = new Link(connection, this, expected);
    if (link.isClosed) return undefined;
    this.links.add(link);
    if (target !== undefined) this.dialledFor.set(link, target);
    return link;
  }

  onClosed(link: Link, reason: string): void {
    this.links.delete(link);
    this.parting.delete(link);
    const wasBound = this.bound.delete(link);
    const target = this.dialledFor.get(link);
    this.dialledFor.delete(link);
    if (target !== undefined) this.noteLinkEnded(link, target, wasBound);
    const { peer } = link;
    if (peer !== undefined && peer.link === link) {
      peer.link = undefined;
      peer.dropped = link.hello.nonce;
      peer.clearEvidence();
      // Who leaves accuses nobody.
      if (!this.isLeaving) this.onLinkLost(peer, link, reason);
    } else if (!wasBound && !link.saidGoodbye) this.logFailedHandshake(link, reason);
    this.outbox.noteProgress();
    this.notifyAcknowledged();
    if (!this.isLeaving) this.dialer?.reconcile();
    this.checkReady();
  }

  private onLinkLost(peer: Peer, link: Link, reason: string): void {
    if (link.rejection?.code === 'duplicate-link' && this.incarnation > peer.incarnation)
      this.awaitSuccessor(peer, link);
    else this.breakOff(peer, link, reason);
  }

  private breakOff(peer: Peer, link: Link, reason: string): void {
    this.membership.suspect(peer, reason);
    if (peer.isExpected) this.redial(peer, link, reason);
  }

  /**
   * The lower incarnation chose another link and closed this one. Its word travels on two connections, so START may come
   * later than the end of the old link: nothing is broken, unless it does not come at all.
   */
  private awaitSuccessor(peer: Peer, link: Link): void {
    peer.isRelinking = true;
    this.clock.after(SUCCESSOR_TIMEOUT_MS, () => {
      if (!peer.isRelinking) return;
      peer.isRelinking = false;
      if (peer.link !== undefined || this.isLeaving) return;
      this.breakOff(peer, link, 'the link was replaced by one that never began');
      this.dialer?.reconcile();
    });
  }

  private noteLinkEnded(link: Link, target: DialTarget, wasBound: boolean): void {
    const outcome: DialOutcome = link.saidGoodbye ? 'left' : (link.rejection?.code ?? 'closed');
    if (outcome === 'self') target.owner = this.incarnation;
    // The peer holds another link. Where we do not, it is half-open, and the peer will notice: no hurry.
    if (outcome === 'duplicate-link' && link.peer?.link !== undefined) this.dialer?.noteEnded(target, 'duplicate-link');
    else if (wasBound) this.dialer?.noteEnded(target, 'closed');
    else this.dialer?.noteFailure(target, outcome);
  }

  /**
   * At once when the link was of use; with back-off when links keep breaking before anything came of them: a fault that
   * repeats, such as bytes that one end does not accept, must not become a storm.
   */
  private redial(peer: Peer, link: Link, reason: string): void {
    const target = this.dialer?.target(peer.address);
    if (target === undefined || this.dialer === undefined) return;
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

  private logFailedHandshake(link: Link, reason: string): void {
    const level =
      link.rejection === undefined || ['self', 'duplicate-link'].includes(link.rejection.code) ? 'debug' : 'warn';
    this.logger[level](`A link with ${addressKey(link.connection.remote)} came to nothing: ${printable(reason)}.`);
  }

  onGapSent(_link: Link, from: number, to: number): void {
    this.logger.debug('A peer was sent a gap.', { from, to });
  }

  onWritten(link: Link): void {
    this.outbox.noteProgress();
    if (this.parting.has(link) && link.isCaughtUp) this.part(link);
  }

  // ---- links: frames ----------------------------------------------------------------------------------------------

  onFrame(link: Link, type: number, bytes: Buffer, start: number, end: number): void {
    const { peer } = link;
    if (peer === undefined) throw new ProtocolError('a frame before the link is known');
    if (type === FRAME_PUBLICATION) {
      if (peer.link === link && link.hasServed) this.onPublication(link, peer, bytes, start, end);
      else this.assertUnbound(link, peer, type);
      return;
    }
    if (type === FRAME_REJECT) {
      link.rejection = readReject(bytes, start, end);
      return link.close(link.rejection.text);
    }
    if (type === FRAME_START) return this.onStart(link, peer, readNumber(bytes, start, end));
    if (peer.link !== link || !link.hasStarted) return this.assertUnbound(link, peer, type);
    switch (type) {
      case FRAME_SKIP:
        return this.onSkip(link, peer, readNumber(bytes, start, end));
      case FRAME_GAP:
        if (!link.hasServed) throw new ProtocolError('a gap before SERVES');
        return this.onGap(link, peer, readGap(bytes, start, end));
      case FRAME_PING:
      case FRAME_PONG:
        return this.onHeartbeat(link, peer, type, readHeartbeat(bytes, start, end));
      case FRAME_CONFIRM: {
        const { seq, outcome } = readConfirm(bytes, start, end);
        return this.sink.onConfirm(peer.member, seq, outcome);
      }
      case FRAME_VIEW:
        this.membership.hearsay(peer, readView(bytes, start, end));
        return this.checkReady();
      case FRAME_SERVES:
        readServes(bytes, start, end);
        link.hasServed = true;
        this.membership.announce(peer);
        return this.checkReady();
      case FRAME_BYE:
        return this.onBye(link, peer, readBye(bytes, start, end));
      default:
        // A newer peer may know frames that we do not; it must not rely on them.
        this.logger.debug('Ignored a frame of an unknown type.', { type });
    }
  }

  /** Frames of a link that lost against another are discarded; on a bound one, this came too early. */
  private assertUnbound(link: Link, peer: Peer, type: number): void {
    if (link.boundAt > 0 && peer.link === link)
      throw new ProtocolError(`a frame of type ${type} before START or SERVES`);
  }

  private onStart(link: Link, peer: Peer, seq: number): void {
    if (!link.hasStarted) {
      // The lower incarnation chose this link: the higher one follows.
      if (peer.link !== link) {
        if (this.incarnation < peer.incarnation) return;
        this.bind(link, peer);
      }
      if (link.isClosed) return;
      link.hasStarted = true;
      this.membership.supersede((other) => addressKey(other.address) === addressKey(peer.address), peer);
    } else if (peer.link !== link) return;
    if (!peer.hasStarted) {
      peer.hasStarted = true;
      peer.metHead = link.hello.head;
      if (peer.last === 0) peer.last = Math.max(0, seq - 1);
      peer.proveFreshness();
    }
    if (seq < 1 || seq > peer.last + 1) {
      throw new ProtocolError(`START at ${seq} although ${peer.last} was the last and no gap was told`);
    }
    link.receiveNext = seq;
  }

  private onPublication(link: Link, peer: Peer, bytes: Buffer, start: number, end: number): void {
    const seq = link.receiveNext++;
    this.heartbeats.noteReceived(link);
    if (seq <= peer.last) {
      link.duplicates++;
      return;
    }
    peer.last = seq;
    peer.received++;
    peer.proveFreshness();
    this.sink.onPublication(peer.member, seq, bytes, start, end, seq <= peer.metHead);
  }

  private onSkip(link: Link, peer: Peer, count: number): void {
    link.receiveNext += count;
    if (link.receiveNext - 1 > peer.last) {
      peer.last = link.receiveNext - 1;
      peer.proveFreshness();
    }
  }

  private onGap(link: Link, peer: Peer, gap: { to: number; reason: GapReason; missed: number }): void {
    // What an earlier link delivered between our HELLO and now, and this one did not repeat yet. Numbers that were for others
    // are in neither count.
    const known = link.receiveNext <= peer.last ? peer.received - link.receivedAtHello - link.duplicates : 0;
    link.receiveNext = gap.to + 1;
    if (gap.to <= peer.last) return;
    peer.last = gap.to;
    peer.proveFreshness();
    const missed = Math.max(0, gap.missed - Math.max(0, known));
    // Everything in between was meant for others: nothing is missing here.
    if (missed === 0) return;
    this.sink.onGap({ from: peer.member, reason: gap.reason, missed });
  }

  private onHeartbeat(
    link: Link,
    peer: Peer,
    type: typeof FRAME_PING | typeof FRAME_PONG,
    beat: { id: number; head: number; ack: number; nextMs: number },
  ): void {
    const now = this.clock.now();
    peer.nextMs = boundedNextMs(beat.nextMs);
    peer.learnHead(beat.head, now);
    if (beat.ack > this.log.head)
      throw new ProtocolError(`the peer acknowledges ${beat.ack} of ${this.log.head} publications`);
    if (beat.ack > peer.acknowledged) {
      peer.acknowledged = beat.ack;
      this.notifyAcknowledged();
    }
    if (type === FRAME_PING) this.heartbeats.pong(link, beat.id);
    else if (beat.id !== 0 && beat.id === link.pingId) link.roundTripMs = now - link.pingSentAt;
  }

  private onBye(link: Link, peer: Peer, { head, missed }: { head: number; missed: number }): void {
    this.bound.delete(link);
    peer.link = undefined;
    link.saidGoodbye = true;
    this.membership.leave(peer, head, missed, 'goodbye');
    link.end('goodbye');
  }

  // ---- finding peers ----------------------------------------------------------------------------------------------

  private wants(target: DialTarget): boolean {
    if (this.isLeaving) return false;
    const { owner } = target;
    if (this.isShakingHands(target)) return false;
    if (owner === undefined) return target.listedBy !== undefined && !this.isLinkedAt(target.key);
    if (owner === this.incarnation) return false;
    const peer = this.membership.peers.get(owner);
    if (peer === undefined) return target.listedBy !== undefined;
    if (peer.link !== undefined || peer.isRelinking || this.reached.has(owner)) return false;
    // Whoever was there is gone: someone new may come, if discovery still lists the address.
    return peer.isExpected || target.listedBy !== undefined;
  }

  private isObsolete(target: DialTarget): boolean {
    if (target.listedBy !== undefined) return false;
    const peer = target.owner === undefined ? undefined : this.membership.peers.get(target.owner);
    return peer === undefined || (!peer.isExpected && peer.link === undefined);
  }

  private isLinkedAt(key: string): boolean {
    for (const link of this.bound) if (link.peer !== undefined && addressKey(link.peer.address) === key) return true;
    return this.ownKey === key;
  }

  private get ownKey(): string {
    return addressKey(this.ownAddress);
  }

  private isShakingHands(target: DialTarget): boolean {
    for (const [link, pending] of this.dialledFor) if (pending === target && link.boundAt === 0) return true;
    return false;
  }

  /** A peer may be known under several addresses: one dial at a time is enough. */
  private findReached(): void {
    this.reached.clear();
    for (const { owner, isDialling } of this.dialer ?? [])
      if (isDialling && owner !== undefined) this.reached.add(owner);
    for (const [link, { owner }] of this.dialledFor)
      if (link.boundAt === 0 && owner !== undefined) this.reached.add(owner);
  }

  private onWanted(peer: Peer): void {
    const target = this.dialer?.target(peer.address);
    if (target === undefined || target.owner === peer.incarnation) return;
    target.owner = peer.incarnation;
    if (this.incarnation > peer.incarnation) {
      target.notBefore = Math.max(target.notBefore, this.clock.now() + HIGHER_DIALS_AFTER_MS);
    }
  }

  private onListed(addresses: readonly ListedAddress[], isComplete: boolean): void {
    this.listed = new Map(addresses.map((listed) => [addressKey(listed.address), listed]));
    for (const target of this.dialer ?? []) target.listedBy = this.listed.get(target.key)?.strategy;
    for (const { address, strategy } of addresses) {
      const target = this.dialer?.target(address);
      if (target !== undefined) target.listedBy = strategy;
    }
    if (isComplete) this.membership.noteListed((peer) => this.isListed(peer));
    this.dialer?.reconcile();
    this.checkReady();
  }

  /** A peer is listed under its own address, or under one at which we found it. */
  private isListed(peer: Peer): boolean {
    if (this.listed.has(addressKey(peer.address))) return true;
    for (const target of this.dialer ?? [])
      if (target.owner === peer.incarnation && target.listedBy !== undefined) return true;
    return false;
  }

  /** What a person was told about an address, so that it is told once. */
  private readonly toldOf = new WeakMap<DialTarget, DialFailureKind>();

  private onDialFailed(target: DialTarget, kind: DialFailureKind, message: string): void {
    const mend = DIAL_MENDS[kind];
    if (mend === undefined || target.attempts === 1 || this.toldOf.get(target) !== kind) {
      const level = mend === undefined ? 'debug' : 'warn';
      this.logger[level](`Cannot link with ${target.key}: ${printable(message)}.${mend ?? ''}`, { outcome: kind });
      if (mend !== undefined) this.toldOf.set(target, kind);
    }
    const peer = target.owner === undefined ? undefined : this.membership.peers.get(target.owner);
    if (peer !== undefined && peer.link === undefined) {
      peer.failedDials++;
      if (kind === 'refused') peer.noteRefusal(this.clock.now());
      this.membership.judge(peer);
    }
    this.checkReady();
  }

  private isFormed(): boolean {
    if (this.discovery?.hasFinishedRound !== true) return false;
    for (const target of this.dialer ?? []) {
      if (this.isShakingHands(target)) return false;
      if (target.attempts === 0 && this.wants(target)) return false;
    }
    for (const link of this.bound) if (link.peer?.status !== 'up') return false;
    for (const peer of this.membership.peers) {
      if (peer.status === 'heard-of' && peer.failedDials === 0) return false;
    }
    return true;
  }

  private makeDiscoveryContext(changed: () => void): DiscoveryContext {
    const { cluster, name } = this.options;
    const { keys, clock, random, logger } = this;
    return {
      self: { cluster, name, incarnation: this.incarnation, address: this.ownAddress },
      clock,
      random,
      logger,
      changed,
      sign: (message) => keys!.use.sign(message),
      verify: (message, signature) => [...keys!.accept.values()].some((key) => key.verify(message, signature)),
    };
  }

  private describeOwnAddress(bound: PeerAddress): PeerAddress {
    return { host: this.options.advertise?.host ?? bound.host, port: this.options.advertise?.port ?? bound.port };
  }

  // ---- time and goodbye -------------------------------------------------------------------------------------------

  private onTick(): void {
    const now = this.clock.now();
    this.log.expire(now);
    this.membership.judgeAll();
    for (const [link, target] of this.dialledFor) {
      if (link.boundAt > 0 && target.attempts > 0 && now - link.boundAt >= STEADY_AFTER_MS)
        this.dialer?.noteSteady(target);
    }
    this.dialer?.reconcile();
  }

  private onMember(status: MemberStatus, event: { readonly member: Member; readonly reason: string }): void {
    this.sink.onMember(status, event);
  }

  private async drain(): Promise<void> {
    this.flush();
    this.pingAll();
    const isDrained = (): boolean => {
      for (const link of this.bound) if ((link.peer?.acknowledged ?? 0) < this.log.head) return false;
      return true;
    };
    if (isDrained()) return;
    await new Promise<void>((resolve) => {
      const timer = this.clock.after(this.options.limits.leaveTimeoutMs, () => {
        // What was acknowledged while we stalled is still in the sockets.
        this.clock.afterPoll(() => check(true));
      });
      const check = (isTimeUp = false): void => {
        if (!isTimeUp && !isDrained()) return;
        timer.cancel();
        this.acknowledgedWaiters.delete(check);
        resolve();
      };
      this.acknowledgedWaiters.add(check);
    });
  }

  private notifyAcknowledged(): void {
    for (const waiter of this.acknowledgedWaiters) waiter();
  }

  private checkReady(): void {
    for (const check of this.readyChecks) check();
  }

  /** The goodbye comes behind everything that was accepted, as far as a link takes it in time. */
  private async sayGoodbye(): Promise<void> {
    const connections = new Set([...this.links].map(({ connection }) => connection));
    const allClosed = new Promise<void>((resolve) => {
      if (connections.size === 0) resolve();
      for (const connection of connections) {
        connection.onClosed(() => {
          connections.delete(connection);
          if (connections.size === 0) resolve();
        });
      }
    });
    for (const link of this.links) {
      if (this.bound.has(link)) this.parting.add(link);
      else link.end('leaving');
    }
    this.outbox.flush();
    for (const link of [...this.parting]) if (link.isCaughtUp) this.part(link);
    const timer = this.clock.after(GOODBYE_MS, () => {
      for (const link of [...this.parting]) this.part(link);
    });
    await allClosed;
    timer.cancel();
    this.bound.clear();
  }

  private part(link: Link): void {
    this.parting.delete(link);
    link.send(byeFrame(this.log.head, link.unsent));
    link.end('leaving');
  }
}

/** Failures of a dial that only a person can mend, and how. */
const DIAL_MENDS: Partial<Record<DialFailureKind, string>> = {
  unauthenticated: ' Give every node the same cookie.',
  foreign:
    ' Probably something else than Rookery answers there, such as an HTTP server: list the port on which that node ' +
    'listens for the mesh (listen.port).',
};

function leftError(): ClusterError {
  return new ClusterError(
    'CLUSTER_LEFT',
    'This node has left the cluster: nothing can be published any more. Publish before app.close(), or in beforeApplicationShutdown at the latest.',
  );
}

export { label as describePeer };
