/** Tells every linked peer whom this node hears: one known address is enough to join, and a cut link has witnesses. */
import { isLoopback } from 'rookery/discovery';
import type { Clock, Timer } from '@rookery/runtime';
import type { Link } from '../link/link.js';
import { viewFrame, type View, type ViewLeaver, type ViewMember } from '../protocol/list-frames.js';
import type { Peer } from './peer.js';

/** Changes within this time travel together. */
const COALESCE_MS = 20;
/** How long those who said goodbye are passed on. */
const REMEMBER_LEAVERS_MS = 60_000;
const MAX_LEAVERS = 200;
/** A member takes up to 1 KiB of metadata and some text: this many stay below the smallest limit that a peer may have. */
const MEMBERS_PER_FRAME = 20;

export interface ViewGossipOwner {
  boundLinks(): Iterable<Link>;
}

export class ViewGossip {
  /** Changes whenever our own view does. */
  version = 0;
  /** Whom we told the others that we hear. */
  private readonly told = new Map<string, Peer>();
  private readonly leavers = new Map<string, { readonly head: number; readonly at: number }>();
  private newLeavers: ViewLeaver[] = [];
  private timer: Timer | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly owner: ViewGossipOwner,
  ) {}

  /** All we hear, to a peer that was just bound. */
  sendWhole(link: Link): void {
    link.hasSentView = true;
    this.send(link, { isWhole: true, members: [...this.told.values()], gone: [], left: this.recentLeavers() });
  }

  /** Something changed about whom we hear; the others learn it within {@link COALESCE_MS}. */
  changed(): void {
    this.timer ??= this.clock.after(COALESCE_MS, () => {
      this.timer = undefined;
      this.tellChanges();
    });
  }

  noteLeaver(peer: Peer): void {
    this.leavers.set(peer.incarnation, { head: peer.leftHead, at: this.clock.now() });
    if (this.leavers.size > MAX_LEAVERS) this.leavers.delete(this.leavers.keys().next().value!);
    this.newLeavers.push({ incarnation: peer.incarnation, head: peer.leftHead });
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
    const left = this.newLeavers;
    this.newLeavers = [];
    if (members.length === 0 && gone.length === 0 && left.length === 0) return;
    this.version++;
    for (const peer of members) this.told.set(peer.incarnation, peer);
    for (const incarnation of gone) this.told.delete(incarnation);
    for (const link of this.owner.boundLinks()) {
      if (link.hasSentView) this.send(link, { isWhole: false, members, gone, left });
    }
  }

  private send(
    link: Link,
    view: {
      readonly isWhole: boolean;
      readonly members: readonly Peer[];
      readonly gone: readonly string[];
      readonly left: readonly ViewLeaver[];
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
    if (!view.isWhole && members.length === 0 && view.gone.length === 0 && view.left.length === 0) return;
    // Long lists go in parts: a peer accepts frames up to its limit only, and a part of a whole view is one that adds to it.
    for (let from = 0; from === 0 || from < members.length; from += MEMBERS_PER_FRAME) {
      const isFirst = from === 0;
      const frame: View = {
        version: this.version,
        isWhole: view.isWhole && isFirst,
        members: members.slice(from, from + MEMBERS_PER_FRAME),
        gone: isFirst ? view.gone : [],
        left: isFirst ? view.left : [],
      };
      link.send(viewFrame(frame));
    }
  }

  private recentLeavers(): ViewLeaver[] {
    const now = this.clock.now();
    for (const [incarnation, { at }] of this.leavers) {
      if (now - at > REMEMBER_LEAVERS_MS) this.leavers.delete(incarnation);
    }
    return [...this.leavers].map(([incarnation, { head }]) => ({ incarnation, head }));
  }
}
