/** Tells every linked peer whom this node hears: one known address is enough to join, and a cut link has witnesses. */
import { isLoopback } from 'rookery/discovery';
import type { Clock, Timer } from '@rookery/runtime';
import type { Link } from '../link/link.js';
import { type ViewEnded, type ViewMember, viewFrame } from '../protocol/list-frames.js';
import type { Peer } from './peer.js';

/** Changes within this time travel together. */
const COALESCE_MS = 20;
/** ... and where change follows change, as when many nodes start at once, those within so much for each link: all are told of each. */
const PAUSE_PER_LINK_MS = 30;
/** How long those who left or were lost are passed on to whoever cannot have heard of it: as long as a log keeps anything. */
const REMEMBER_ENDED_MS = 30 * 60_000;
/** ... and how many, those gone longest being forgotten first. */
const MAX_ENDED = 200;
/** A member takes up to 1 KiB of metadata and some text: this many stay below the smallest limit that a peer may have. */
const MEMBERS_PER_FRAME = 20;
const ENDED_PER_FRAME = 100;

/** What is told at a time. */
interface Change {
  readonly isWhole: boolean;
  readonly members: readonly Peer[];
  readonly gone: readonly string[];
  readonly ended: readonly Peer[];
}

export interface ViewGossipOwner {
  boundLinks(): Iterable<Link>;
  /** How many they are. */
  readonly links: number;
}

export class ViewGossip {
  /** Whom we told the others that we hear. */
  private readonly told = new Map<string, Peer>();
  private readonly ended = new Set<Peer>();
  private readonly newlyEnded = new Set<Peer>();
  private timer: Timer | undefined;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly clock: Clock,
    private readonly owner: ViewGossipOwner,
  ) {}

  /** All we hear, to a peer that was just bound, and who ended since `since`, which it may not know. */
  sendWhole(link: Link, since: number): void {
    link.hasSentView = true;
    this.send(link, { isWhole: true, members: [...this.told.values()], gone: [], ended: this.endedSince(since) });
  }

  /** Something changed about whom we hear; the others learn it within {@link COALESCE_MS}, or a little after the last change. */
  changed(): void {
    if (this.timer !== undefined) return;
    const delayMs = Math.max(COALESCE_MS, this.toldAt + PAUSE_PER_LINK_MS * this.owner.links - this.clock.now());
    this.timer = this.clock.after(delayMs, () => {
      this.timer = undefined;
      this.toldAt = this.clock.now();
      this.tellChanges();
    });
  }

  noteEnded(peer: Peer): void {
    this.ended.delete(peer);
    this.ended.add(peer);
    this.newlyEnded.add(peer);
    if (this.ended.size > MAX_ENDED) this.ended.delete(this.ended.values().next().value!);
    this.changed();
  }

  close(): void {
    this.timer?.cancel();
  }

  private tellChanges(): void {
    const hears = new Map<string, Peer>();
    for (const link of this.owner.boundLinks())
      if (link.peer?.status === 'up') hears.set(link.peer.incarnation, link.peer);
    const members = [...hears.values()].filter((peer) => !this.told.has(peer.incarnation));
    const gone = [...this.told.keys()].filter((incarnation) => !hears.has(incarnation));
    // One that returned meanwhile is no more among them.
    const ended = [...this.newlyEnded].filter((peer) => !peer.isExpected);
    this.newlyEnded.clear();
    if (members.length === 0 && gone.length === 0 && ended.length === 0) return;
    for (const peer of members) this.told.set(peer.incarnation, peer);
    for (const incarnation of gone) this.told.delete(incarnation);
    const change: Change = { isWhole: false, members, gone, ended };
    // Encoded once for all links that are told the same.
    let here: readonly Buffer[] | undefined;
    let elsewhere: readonly Buffer[] | undefined;
    for (const link of this.owner.boundLinks()) {
      if (!link.hasSentView) continue;
      const frames = isOnSameHost(link)
        ? (here ??= this.encode(change, true))
        : (elsewhere ??= this.encode(change, false));
      for (const frame of frames) link.send(frame);
    }
  }

  private send(link: Link, change: Change): void {
    for (const frame of this.encode(change, isOnSameHost(link))) link.send(frame);
  }

  /** The receiver itself may be among the members: it does not listen to that. */
  private encode({ isWhole, members, gone, ended }: Change, isSameHost: boolean): readonly Buffer[] {
    const now = this.clock.now();
    // A loopback address means nothing on another host.
    const tellable = members.filter(({ address }) => isSameHost || !isLoopback(address.host));
    if (!isWhole && tellable.length === 0 && gone.length === 0 && ended.length === 0) return [];
    // Long lists go in parts: a peer accepts frames up to its limit only, and a part of a whole view is one that adds to it.
    const parts = Math.max(
      1,
      Math.ceil(tellable.length / MEMBERS_PER_FRAME),
      Math.ceil(ended.length / ENDED_PER_FRAME),
    );
    return Array.from({ length: parts }, (_, part) =>
      viewFrame({
        isWhole: isWhole && part === 0,
        members: pageOf(tellable, part, MEMBERS_PER_FRAME).map((peer) => describe(peer, now)),
        gone: part === 0 ? gone : [],
        ended: pageOf(ended, part, ENDED_PER_FRAME).map((peer) => describeEnd(peer, now)),
      }),
    );
  }

  private endedSince(since: number): Peer[] {
    const now = this.clock.now();
    const ended: Peer[] = [];
    for (const peer of this.ended) {
      if (peer.isExpected || now - peer.endedAt > REMEMBER_ENDED_MS) this.ended.delete(peer);
      else if (peer.endedAt >= since) ended.push(peer);
    }
    return ended;
  }
}

function isOnSameHost(link: Link): boolean {
  return isLoopback(link.connection.remote.host);
}

function pageOf<T>(list: readonly T[], page: number, size: number): readonly T[] {
  return list.slice(page * size, (page + 1) * size);
}

function describe({ incarnation, name, address, metadata, bornAt }: Peer, now: number): ViewMember {
  const ageMs = Math.min(Math.max(0, Math.round(now - bornAt)), Number.MAX_SAFE_INTEGER);
  return { incarnation, name, host: address.host, port: address.port, metadata, ageMs };
}

function describeEnd(peer: Peer, now: number): ViewEnded {
  const { incarnation, name, address, status, leftHead: head, endedAt } = peer;
  const endedMs = Math.max(0, Math.round(now - endedAt));
  return { incarnation, name, host: address.host, port: address.port, isLost: status === 'lost', head, endedMs };
}
