/** Tells every linked peer whom this node hears: one known address is enough to join, and a cut link has witnesses. */
import { isLoopback } from 'rookery/discovery';
import type { Clock, Timer } from '@rookery/runtime';
import type { Link } from '../link/link.js';
import { type View, type ViewEnded, type ViewMember, viewFrame } from '../protocol/list-frames.js';
import type { Peer } from './peer.js';

/** Changes within this time travel together. */
const COALESCE_MS = 20;
/** ... and where change follows change, as when many nodes start at once, those within this time. */
const PAUSE_MS = 100;
/** How long those who left or were lost are passed on to whoever cannot have heard of it: as long as a log keeps anything. */
const REMEMBER_ENDED_MS = 30 * 60_000;
/** ... and how many, those gone longest being forgotten first. */
const MAX_ENDED = 200;
/** A member takes up to 1 KiB of metadata and some text: this many stay below the smallest limit that a peer may have. */
const MEMBERS_PER_FRAME = 20;
const ENDED_PER_FRAME = 100;

export interface ViewGossipOwner {
  boundLinks(): Iterable<Link>;
}

export class ViewGossip {
  /** Changes whenever our own view does. */
  version = 0;
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

  /** Something changed about whom we hear; the others learn it within {@link COALESCE_MS}, or {@link PAUSE_MS} after the last change. */
  changed(): void {
    if (this.timer !== undefined) return;
    const delayMs = Math.max(COALESCE_MS, this.toldAt + PAUSE_MS - this.clock.now());
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
    this.version++;
    for (const peer of members) this.told.set(peer.incarnation, peer);
    for (const incarnation of gone) this.told.delete(incarnation);
    for (const link of this.owner.boundLinks()) {
      if (link.hasSentView) this.send(link, { isWhole: false, members, gone, ended });
    }
  }

  private send(
    link: Link,
    view: {
      readonly isWhole: boolean;
      readonly members: readonly Peer[];
      readonly gone: readonly string[];
      readonly ended: readonly Peer[];
    },
  ): void {
    const isSameHost = isLoopback(link.connection.remote.host);
    const members: ViewMember[] = [];
    const now = this.clock.now();
    for (const peer of view.members) {
      // A loopback address means nothing on another host.
      if (peer === link.peer || (!isSameHost && isLoopback(peer.address.host))) continue;
      const { incarnation, name, address, metadata, bornAt } = peer;
      const ageMs = Math.max(0, Math.round(now - bornAt));
      members.push({ incarnation, name, host: address.host, port: address.port, metadata, ageMs });
    }
    if (!view.isWhole && members.length === 0 && view.gone.length === 0 && view.ended.length === 0) return;
    // Long lists go in parts: a peer accepts frames up to its limit only, and a part of a whole view is one that adds to it.
    const ended = view.ended.map((each) => describeEnd(each, now));
    const parts = Math.max(1, Math.ceil(members.length / MEMBERS_PER_FRAME), Math.ceil(ended.length / ENDED_PER_FRAME));
    for (let part = 0; part < parts; part++) {
      const frame: View = {
        version: this.version,
        isWhole: view.isWhole && part === 0,
        members: members.slice(part * MEMBERS_PER_FRAME, (part + 1) * MEMBERS_PER_FRAME),
        gone: part === 0 ? view.gone : [],
        ended: ended.slice(part * ENDED_PER_FRAME, (part + 1) * ENDED_PER_FRAME),
      };
      link.send(viewFrame(frame));
    }
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

function describeEnd(peer: Peer, now: number): ViewEnded {
  const { incarnation, name, address, status, leftHead: head, endedAt } = peer;
  const endedMs = Math.max(0, Math.round(now - endedAt));
  return { incarnation, name, host: address.host, port: address.port, isLost: status === 'lost', head, endedMs };
}
