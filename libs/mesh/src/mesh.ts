/**
 * The mesh of one node: composition and life cycle, and the rules that bind its parts together. Protocol details live in
 * the parts; see docs/protocol.md.
 */
import { addressKey, type DiscoveryContext, type PeerAddress } from 'rookery/discovery';
import { type Clock, type Logger, printable, type Random } from '@rookery/runtime';
import { Farewell } from './delivery/farewell.js';
import type { CallSink } from './call-sink.js';
import { Inbox } from './delivery/inbox.js';
import { Outbox } from './delivery/outbox.js';
import { Detours } from './detour/detours.js';
import { DiscoveryLoop, strategyLabels, type StrategyPort } from './dial/discovery-loop.js';
import { Reach, type ReachOwner } from './dial/reach.js';
import { ProtocolError, publishedAfterLeaving } from './errors.js';
import { type Freshness, judgeFreshness } from './freshness.js';
import { addressOf, Greeter } from './link/greeting.js';
import { Heartbeats } from './link/heartbeats.js';
import { replacesCurrent } from './link/link-choice.js';
import { CallLane } from './link/call-lane.js';
import { Link, type LinkOwner } from './link/link.js';
import { PublicationLog } from './log/publication-log.js';
import type { Member, MemberStatus } from './membership/member.js';
import { label, Membership } from './membership/membership.js';
import type { Peer } from './membership/peer.js';
import { ViewGossip } from './membership/view-gossip.js';
import type { ResolvedMeshOptions } from './mesh-options.js';
import type { MeshSink } from './mesh-sink.js';
import type { DetourStats, LinkStats, MeshStats } from './mesh-stats.js';
import {
  confirmFrame,
  type ConfirmOutcome,
  readBye,
  readConfirm,
  readGap,
  readHeartbeat,
  readNumber,
  readStart,
} from './protocol/control-frames.js';
import {
  FRAME_BYE,
  FRAME_CANCEL,
  FRAME_CONFIRM,
  FRAME_CREDIT,
  FRAME_ERROR,
  FRAME_GAP,
  FRAME_NEXT,
  FRAME_PING,
  FRAME_PONG,
  FRAME_PUBLICATION,
  FRAME_REJECT,
  FRAME_RELAY,
  FRAME_REQUEST,
  FRAME_RESPONSE,
  FRAME_SERVES,
  FRAME_SKIP,
  FRAME_START,
  FRAME_VIEW,
} from './protocol/frame.js';
import {
  type Hello,
  readReject,
  readServes,
  readView,
  type Reject,
  type Serves,
  servesFrames,
} from './protocol/list-frames.js';
import type { KeyRing } from './transport/key-ring.js';
import type { Connection, Listener, Transport } from './transport/transport.js';

/** A link that the peer replaced by another one: by then the other one has begun, or is not worth waiting for. */
const SUCCESSOR_TIMEOUT_MS = 1_000;
/** Whoever sent something by way of another member within this time is answered that way. */
const RELAYED_LATELY_MS = 10_000;
/** A process that was held up has so long to come back to those that gave it up, before it says that they are suspect. */
const RETURN_TIMEOUT_MS = 2_000;
/** A view of this many links or fewer is small; more is refused. */
const MAX_LINKS = 1_000;

export interface MeshEnvironment {
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the transport once the keys are derived. */
  readonly makeTransport: (keys: KeyRing) => Transport;
  readonly makeKeys: () => Promise<KeyRing>;
  /** Whether an address is one of this very host: what refuses there is gone. */
  readonly isThisHost: (host: string) => boolean;
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
  private readonly inbox: Inbox;
  private readonly farewell: Farewell;
  private readonly detours: Detours;
  private readonly greeter: Greeter;
  /** Every open link, whether bound or not. */
  private readonly links = new Set<Link>();
  private readonly bound = new Set<Link>();
  private keys: KeyRing | undefined;
  private reach: Reach | undefined;
  private discovery: DiscoveryLoop | undefined;
  private listener: Listener | undefined;
  private ownAddress: PeerAddress;
  private ownMember: Member | undefined;
  private readonly readyChecks = new Set<() => void>();
  private leftAt: number | undefined;
  private phase: 'new' | 'starting' | 'running' | 'leaving' | 'left' = 'new';

  constructor(
    private readonly options: ResolvedMeshOptions,
    private readonly environment: MeshEnvironment,
    private readonly sink: MeshSink,
    private readonly calls: CallSink,
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
      pumpDetours: () => this.detours.pump(),
      get hasSubscriptions() {
        return sink.hasSubscriptions;
      },
      deliverLocally: (seq, bytes, start, end) => sink.onPublication(this.self, seq, bytes, start, end, false),
      onLocalGap: (missed) => sink.onGap({ from: this.self, reason: 'window', missed }),
    });
    const { log, bound } = this;
    this.view = new ViewGossip(this.clock, {
      boundLinks: () => bound,
      get links() {
        return bound.size;
      },
    });
    this.heartbeats = new Heartbeats(this.clock, this.random, options.limits.idleBytesPerSecond, {
      boundLinks: () => bound,
      get head() {
        return log.head;
      },
      onTick: () => this.onTick(),
    });
    const self = { incarnation: this.incarnation, name: options.name, startedAt: this.startedAt };
    this.membership = new Membership(self, this.clock, this.logger, {
      onMember: (status, event) => sink.onMember(status, event),
      onGap: (gap) => sink.onGap(gap),
      onWanted: (peer) => this.reach?.want(peer),
      onHeard: () => {
        if (this.isLeft) return;
        this.reach?.reconcile();
        this.detours.reconsider();
        this.checkReady();
      },
      onViewChanged: () => this.view.changed(),
      onEnded: (peer) => this.view.noteEnded(peer),
      isOnThisHost: (host) => environment.isThisHost(host),
      readSince: () => this.heartbeats.polledAt,
    });
    this.farewell = new Farewell(this.clock, {
      get head() {
        return log.head;
      },
      links: this.links,
      bound,
      detoured: () => this.detours.peers,
      isRelinking: () => [...this.membership.peers].some((peer) => peer.isRelinking),
      flush: () => this.flush(),
      pingAll: () => this.pingAll(),
    });
    this.inbox = new Inbox(sink, this.heartbeats, this.clock, {
      get head() {
        return log.head;
      },
      onAcknowledged: (peer) => {
        this.detours.noteAcknowledged(peer);
        this.farewell.noteAcknowledged();
      },
      onReached: (peer) => this.onReached(peer),
    });
    const { heartbeats } = this;
    this.detours = new Detours(this.clock, this.logger, log, this.membership, this.inbox, {
      incarnation: this.incarnation,
      bound,
      get intervalMs() {
        return heartbeats.intervalMs;
      },
      heartbeatFor: (peer) => heartbeats.unsolicited(peer),
      ping: (link) => heartbeats.ping(link),
      firstContact: (peer) => this.greeter.firstContact(peer),
    });
    this.greeter = new Greeter(options, this.clock, this.random, {
      incarnation: this.incarnation,
      startedAt: this.startedAt,
      log,
      ownPort: () => this.ownAddress.port,
      peer: (incarnation) => this.membership.peers.get(incarnation),
      polledAt: () => heartbeats.polledAt,
      served: () => calls.served(),
      sendView: (link, since) => this.view.sendWhole(link, since),
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
    const reach = new Reach(transport, this.clock, this.random, this.logger, this.membership, this.makeReachOwner());
    this.reach = reach;
    this.heartbeats.start();
    this.discovery = new DiscoveryLoop(
      this.options.discovery,
      (strategy) => this.makeDiscoveryContext(strategy),
      this.clock,
      this.random,
      this.logger,
      { onListed: (addresses, isComplete) => reach.onListed(addresses, isComplete) },
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
    if (this.isLeft) throw publishedAfterLeaving();
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
    const peer = this.membership.peers.get(to);
    if (peer === undefined) return;
    const frame = confirmFrame(seq, outcome);
    peer.link?.send(frame);
    // What came by way of another member is answered that way as well: the link may be stuck without our knowing.
    const isDetoured = peer.link === undefined || this.clock.now() - peer.relayedAt < RELAYED_LATELY_MS;
    if (isDetoured) this.detours.answer(peer, frame);
  }

  /** Tells every linked peer what changed in what this node answers. */
  announceServes(serves: Serves): void {
    if (this.isLeft) return;
    const frames = servesFrames(serves);
    for (const link of this.bound) for (const frame of frames) link.send(frame);
  }

  /** Asks every linked peer to acknowledge at once. */
  pingAll(): void {
    for (const link of this.bound) this.heartbeats.ping(link);
  }

  freshness(): Freshness {
    return judgeFreshness(
      {
        startedAt: this.startedAt,
        leftAt: this.leftAt,
        unanswered: this.discovery?.unanswered ?? strategyLabels(this.options.discovery),
        unusable: this.discovery?.unusable ?? [],
        peers: [...this.membership.peers].filter((peer) => peer.isExpected),
        unproven: this.reach?.unproven() ?? [],
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
      detours: this.detourStats(),
      strategies: this.discovery?.stats() ?? [],
      discovery: this.reach?.stats((incarnation) => this.member(incarnation)?.name) ?? [],
      overruns: this.outbox.overruns,
    };
  }

  private detourStats(): DetourStats[] {
    const stats: DetourStats[] = [];
    for (const peer of this.detours.peers) {
      const via = this.detours.viaOf(peer);
      if (via !== undefined) stats.push({ member: peer.member, via: via.member });
    }
    return stats;
  }

  /** Flushes, waits for acknowledgements, says goodbye and closes. */
  async leave(): Promise<void> {
    if (this.isLeaving) return;
    const wasRunning = this.phase === 'running';
    this.phase = 'leaving';
    this.checkReady();
    this.reach?.close();
    // Withdrawing may be slow; peers should hear goodbye meanwhile.
    const withdrawn = this.discovery?.stop();
    if (wasRunning) await this.farewell.drain(this.options.limits.leaveTimeoutMs);
    this.phase = 'left';
    this.leftAt = this.clock.now();
    this.ownMember = undefined;
    this.heartbeats.close();
    this.view.close();
    this.detours.close();
    this.listener?.close();
    await this.farewell.say();
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
    return this.greeter.makeHello(link, to);
  }

  examine(link: Link, hello: Hello): Reject | undefined {
    const objection = this.greeter.objection(hello);
    if (objection === undefined) this.reach?.identify(link, hello.incarnation);
    return objection;
  }

  onReady(link: Link): void {
    const { hello } = link;
    const peer = this.membership.meet(hello, addressOf(link), this.clock.now() - link.openedAt);
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
    // Whoever told that it left was wrong.
    peer.goodbye = undefined;
    peer.maxFrameBytes = link.hello.maxFrameBytes;
    link.noteBound(now);
    link.receivedAtBind = peer.last;
    link.acknowledgedAtBind = peer.acknowledged = Math.max(peer.acknowledged, link.hello.have);
    this.bound.add(link);
    if (previous !== undefined) previous.reject({ code: 'duplicate-link', text: 'replaced by a newer link' });
    this.reach?.noteBound(link);
    this.greeter.greet(link, peer);
    // A HELLO may be older than it looks: what follows it will tell what it proves.
    peer.learnHead(link.hello.head, Number.NEGATIVE_INFINITY);
    // Both ends learn the round trip: it tells when an acknowledgement is late.
    this.heartbeats.ping(link);
    link.pump();
    this.detours.reconsider();
    this.farewell.noteAcknowledged();
  }

  /** A member that hears both of us carries what `peer` says. */
  private onReached(peer: Peer): void {
    if (peer.isAnnounced) return;
    this.membership.announce(peer);
    // It never had a link that could have broken: nobody needs to be told of that.
    if (peer.link === undefined) peer.setStatus('suspect');
  }

  private accept(connection: Connection, expected: string): Link | undefined {
    if (this.isLeaving || this.links.size >= MAX_LINKS) {
      connection.destroy(this.isLeaving ? 'leaving' : `${MAX_LINKS} links are open already`);
      return undefined;
    }
    const link = new Link(connection, this, expected);
    if (link.isClosed) return undefined;
    this.links.add(link);
    return link;
  }

  onClosed(link: Link, reason: string): void {
    this.links.delete(link);
    const wasBound = this.bound.delete(link);
    this.reach?.noteClosed(link, wasBound, reason);
    const { peer, lane } = link;
    if (lane !== undefined && peer !== undefined) {
      lane.close();
      this.calls.onLaneClosed(lane, peer.member, reason);
    }
    if (peer !== undefined && peer.link === link) {
      peer.link = undefined;
      peer.dropped = link.hello.nonce;
      peer.clearEvidence();
      // Who leaves accuses nobody, but owes its last words and a goodbye to whoever chose another link just now.
      if (!this.isLeaving) this.onLinkLost(peer, link, reason);
      else if (this.isBeingReplaced(peer, link)) this.awaitSuccessor(peer, link);
    } else if (!wasBound && !link.saidGoodbye) this.logFailedHandshake(link, reason);
    this.outbox.noteProgress();
    this.farewell.noteClosed(link);
    if (!this.isLeaving) this.reach?.reconcile();
    this.detours.reconsider();
    this.checkReady();
  }

  private onLinkLost(peer: Peer, link: Link, reason: string): void {
    this.membership.unlink(peer);
    if (this.isBeingReplaced(peer, link)) return this.awaitSuccessor(peer, link);
    if (peer.isExpected) this.reach?.redial(peer, link, reason);
    // Who was gone itself accuses nobody of having hung up.
    if (this.heartbeats.wasStalled) this.suspectUnlessLinked(peer, link, reason, RETURN_TIMEOUT_MS);
    else this.membership.suspect(peer, reason);
  }

  private isBeingReplaced(peer: Peer, link: Link): boolean {
    return link.rejection?.code === 'duplicate-link' && this.incarnation > peer.incarnation;
  }

  /**
   * The lower incarnation chose another link and closed this one. Its word travels on two connections, so START may come
   * later than the end of the old link: nothing is broken, unless it does not come at all.
   */
  private awaitSuccessor(peer: Peer, link: Link): void {
    peer.isRelinking = true;
    this.suspectUnlessLinked(peer, link, 'the link was replaced by one that never began', SUCCESSOR_TIMEOUT_MS);
  }

  private suspectUnlessLinked(peer: Peer, link: Link, reason: string, timeoutMs: number): void {
    const { aloneSince } = peer;
    const judge = (): void => {
      // It may have been linked since, and have lost that link as well.
      if (peer.link !== undefined || peer.aloneSince !== aloneSince) return;
      const { isRelinking } = peer;
      peer.isRelinking = false;
      this.farewell.noteAcknowledged();
      if (this.isLeaving) return;
      this.membership.suspect(peer, reason);
      if (isRelinking && peer.isExpected) this.reach?.redial(peer, link, reason);
      this.reach?.reconcile();
    };
    // After a stall of our own the START is still in the socket.
    this.clock.after(timeoutMs, () => this.clock.afterPoll(judge));
  }

  private logFailedHandshake(link: Link, reason: string): void {
    // Where we dialled, a person is told once for each address, and not at every dial.
    const isNews =
      !link.isDialled && link.rejection !== undefined && !['self', 'duplicate-link'].includes(link.rejection.code);
    const level = isNews ? 'warn' : 'debug';
    this.logger[level](`A link with ${addressKey(link.connection.remote)} came to nothing: ${printable(reason)}.`);
  }

  onGapSent(_link: Link, from: number, to: number): void {
    this.logger.debug('A peer was sent a gap.', { from, to });
  }

  onAwaiting(): void {
    this.detours.watchLinks();
  }

  onWritten(link: Link): void {
    this.outbox.noteProgress();
    this.farewell.noteWritten(link);
  }

  // ---- links: frames ----------------------------------------------------------------------------------------------

  onFrame(link: Link, type: number, bytes: Buffer, start: number, end: number): void {
    const { peer } = link;
    if (peer === undefined) throw new ProtocolError('a frame before the link is known');
    if (type === FRAME_PUBLICATION) {
      if (peer.link === link && link.hasServed) this.inbox.onPublication(link, peer, bytes, start, end);
      else this.assertUnbound(link, peer, type);
      return;
    }
    if (type === FRAME_REJECT) {
      link.rejection = readReject(bytes, start, end);
      return link.close(link.rejection.text);
    }
    if (type === FRAME_START) return this.onStart(link, peer, readStart(bytes, start, end));
    if (peer.link !== link || !link.hasStarted) return this.assertUnbound(link, peer, type);
    switch (type) {
      case FRAME_SKIP:
        return this.inbox.onSkip(link, peer, readNumber(bytes, start, end));
      case FRAME_GAP:
        return this.inbox.onGap(link, peer, readGap(bytes, start, end));
      case FRAME_PING:
      case FRAME_PONG:
        return this.inbox.onHeartbeat(link, peer, type, readHeartbeat(bytes, start, end));
      case FRAME_CONFIRM: {
        const { seq, outcome } = readConfirm(bytes, start, end);
        return this.sink.onConfirm(peer.member, seq, outcome);
      }
      case FRAME_VIEW:
        return this.membership.hearsay(peer, readView(bytes, start, end));
      case FRAME_SERVES:
        return this.onServes(link, peer, readServes(bytes, start, end));
      case FRAME_REQUEST:
      case FRAME_RESPONSE:
      case FRAME_NEXT:
      case FRAME_ERROR:
      case FRAME_CANCEL:
      case FRAME_CREDIT:
        if (!link.hasServed) throw new ProtocolError(`a frame of type ${type} before SERVES`);
        return this.calls.onCall(this.laneOf(link, peer), type, bytes, start, end);
      case FRAME_RELAY:
        return this.detours.onRelay(link, peer, bytes, start, end);
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

  private onStart(link: Link, peer: Peer, { seq, choice }: { seq: number; choice: number }): void {
    if (!link.hasStarted) {
      // The lower incarnation chose this link: the higher one follows.
      if (peer.link !== link) {
        if (this.incarnation < peer.incarnation) return;
        // Each START travels on a connection of its own: that of a link which was given up since may be read last. One that
        // was opened after the last choice was known can only be a later choice, whatever it says.
        if (choice < peer.choice && link.openedAt <= peer.choiceAt) return;
        peer.choice = choice;
        peer.choiceAt = this.clock.now();
        this.bind(link, peer);
      }
      if (link.isClosed) return;
      link.hasStarted = true;
      // Whoever was at its address before is gone.
      this.membership.judgeAll();
    } else if (peer.link !== link) return;
    this.inbox.onStart(link, peer, seq);
  }

  /** What the peer answers: known before it is `up`, so that whoever hears of it can ask it. */
  private onServes(link: Link, peer: Peer, serves: Serves): void {
    this.calls.onServes(this.laneOf(link, peer), serves);
    if (link.hasServed || !serves.isLast) return;
    link.hasServed = true;
    this.membership.announce(peer);
    this.checkReady();
  }

  private laneOf(link: Link, peer: Peer): CallLane {
    return (link.lane ??= new CallLane({
      clock: this.clock,
      member: () => peer.member,
      maxFrameBytes: link.hello.maxFrameBytes,
      isStuck: () => link.isStuck,
      write: (bytes, onWritten) => link.write(bytes, onWritten),
    }));
  }

  private onBye(link: Link, peer: Peer, { head, missed }: { head: number; missed: number }): void {
    this.bound.delete(link);
    peer.link = undefined;
    link.saidGoodbye = true;
    this.membership.leave(peer, head, this.inbox.unknownOf(link, peer, missed), 'goodbye');
    link.end('goodbye');
  }

  // ---- finding peers ----------------------------------------------------------------------------------------------

  private makeReachOwner(): ReachOwner {
    return {
      incarnation: this.incarnation,
      cluster: this.options.cluster,
      bound: this.bound,
      ownAddress: () => this.ownAddress,
      isLeaving: () => this.isLeaving,
      onConnection: (connection, { owner }) => this.accept(connection, owner ?? ''),
      onChanged: () => this.checkReady(),
    };
  }

  private isFormed(): boolean {
    if (this.discovery?.hasFinishedRound !== true) return false;
    if (this.reach?.isSettled !== true) return false;
    for (const link of this.bound) if (link.peer?.status !== 'up') return false;
    for (const peer of this.membership.peers) {
      if (peer.status === 'heard-of' && peer.failedDials === 0) return false;
    }
    return true;
  }

  private makeDiscoveryContext({ changed, logger }: StrategyPort): DiscoveryContext {
    const { cluster, name } = this.options;
    const { keys, clock, random } = this;
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
    this.log.expire(this.clock.now());
    this.membership.judgeAll();
    this.reach?.tick();
    this.detours.reconsider();
  }

  private checkReady(): void {
    for (const check of this.readyChecks) check();
  }
}

export { label as describePeer };
