/** What two nodes tell each other first: who they are, what each has of the other, and where the first publication stands. */
import { isLoopback, isUnspecified, type PeerAddress } from 'rookery/discovery';
import type { Clock, Random } from '@rookery/runtime';
import { ProtocolError } from '../errors.js';
import type { PublicationLog } from '../log/publication-log.js';
import type { FirstContact, Peer } from '../membership/peer.js';
import type { ResolvedMeshOptions } from '../mesh-options.js';
import { startFrame } from '../protocol/control-frames.js';
import {
  type Hello,
  PROTOCOL_MAX,
  PROTOCOL_MIN,
  type Reject,
  type Serves,
  servesFrames,
} from '../protocol/list-frames.js';
import type { Link } from './link.js';

/** A newcomer is replayed what was published since its own start, and this much before: clocks and starts are not exact. */
const FIRST_CONTACT_SLACK_MS = 10_000;
/** ... and this much where only others told its age, for they may have been late. */
const HEARSAY_SLACK_MS = 60_000;
/** What was told right before a link broke may not have arrived: ends that are so much older are told again. */
const END_SLACK_MS = 60_000;

export interface GreeterOwner {
  readonly incarnation: string;
  readonly startedAt: number;
  readonly log: PublicationLog;
  /** The port that we listen on, or advertise. */
  ownPort(): number;
  peer(incarnation: string): Peer | undefined;
  /** When the sockets were read last. */
  polledAt(): number;
  /** Everything that this node answers. */
  served(): Serves;
  /** Tells the peer whom we hear, and who ended since it last heard of us. */
  sendView(link: Link, since: number): void;
}

export class Greeter {
  constructor(
    private readonly options: ResolvedMeshOptions,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly owner: GreeterOwner,
  ) {}

  makeHello(link: Link, to: string): Hello {
    const { incarnation, log, startedAt } = this.owner;
    const peer = this.owner.peer(to);
    link.noteLeading(peer?.received ?? 0);
    const { name, cluster, metadata, advertise, listen, limits } = this.options;
    const host = advertise?.host ?? (isUnspecified(listen.host) ? '' : listen.host);
    return {
      protocolMin: PROTOCOL_MIN,
      protocolMax: PROTOCOL_MAX,
      features: 0,
      cluster,
      incarnation,
      name,
      ageMs: Math.max(0, Math.round(this.clock.now() - startedAt)),
      metadata,
      host,
      port: this.owner.ownPort(),
      maxFrameBytes: limits.maxFrameBytes,
      nonce: link.nonce === '' ? this.random.bytes(8).toString('hex') : link.nonce,
      to,
      have: peer?.last ?? 0,
      head: log.head,
      first: log.first(this.clock.now()),
      dropped: peer?.dropped ?? '',
    };
  }

  /**
   * Why a peer is not let in. The texts are what it writes into its own log, about us.
   * @throws ProtocolError when it claims what cannot be
   */
  objection(hello: Hello): Reject | undefined {
    const { incarnation, log } = this.owner;
    if (hello.incarnation === incarnation) return { code: 'self', text: 'this is the same process' };
    if (hello.cluster !== this.options.cluster) {
      return { code: 'cluster', text: `it belongs to cluster '${this.options.cluster}'` };
    }
    if (hello.protocolMin > PROTOCOL_MAX || hello.protocolMax < PROTOCOL_MIN) {
      return { code: 'version', text: `it speaks protocol ${PROTOCOL_MIN} to ${PROTOCOL_MAX}` };
    }
    if (hello.to === incarnation && hello.have > log.head) {
      throw new ProtocolError(`the peer claims to have ${hello.have} of our ${log.head} publications`);
    }
    return undefined;
  }

  /**
   * The first frames of a bound link: where the peer's cursor starts (behind what it has, or for a newcomer at what was
   * published in its lifetime), what we serve, whom we hear. Only then may anything follow that the peer hands up, even a
   * gap: SERVES is what makes us `up` there.
   */
  greet(link: Link, peer: Peer): void {
    const { incarnation, log } = this.owner;
    const { have } = link.hello;
    const { seq, missed } = have > 0 ? { seq: have + 1, missed: undefined } : this.firstContact(peer);
    link.cursor = log.cursorAt(seq);
    // The lower incarnation counts its choices, so that the other end follows the last one.
    if (incarnation < peer.incarnation) peer.choice++;
    link.send(startFrame(missed === undefined ? seq : 1, peer.choice));
    for (const frame of servesFrames(this.owner.served())) link.send(frame);
    this.owner.sendView(link, this.unheardSince(link, peer));
    if (missed !== undefined) link.sendGap(seq - 1, 'first-contact', missed);
  }

  /** Where a peer begins that has nothing of ours. */
  firstContact(peer: Peer): FirstContact {
    if (peer.contact !== undefined) return peer.contact;
    const { log } = this.owner;
    const slackMs = peer.link === undefined ? HEARSAY_SLACK_MS : FIRST_CONTACT_SLACK_MS;
    const { seq, isComplete } = log.startSince(peer.bornAt - slackMs, this.clock.now());
    const isGap = !isComplete && seq > 1;
    const missed = isGap ? log.missedBetween(1, seq - 1, peer.incarnation) : undefined;
    return (peer.contact = { seq, missed });
  }

  /** Since when the peer has heard nothing from us: since its own start, or since our last link broke. */
  private unheardSince({ hello }: Link, peer: Peer): number {
    const bornAt = this.owner.polledAt() - hello.ageMs;
    return peer.isAnnounced ? Math.max(bornAt, peer.aloneSince - END_SLACK_MS) : bornAt;
  }
}

/** Where a peer can be dialled, by what it says and by what we see. */
export function addressOf(link: Link): PeerAddress {
  const { host, port } = link.hello;
  const { remote } = link.connection;
  // A loopback address that another host tells us is its own, not one of ours.
  const isUsable = host !== '' && (!isLoopback(host) || isLoopback(remote.host));
  return { host: isUsable ? host : remote.host, port };
}
