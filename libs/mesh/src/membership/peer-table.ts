/** All incarnations that this node remembers, with a bound: those gone longest are forgotten first. */
import type { Peer } from './peer.js';

const MAX_PEERS = 10_000;

export class PeerTable {
  private readonly peers = new Map<string, Peer>();

  get(incarnation: string): Peer | undefined {
    return this.peers.get(incarnation);
  }

  /** Adds a peer; false when the table is full of peers that may be alive, in which case it was not added. */
  add(peer: Peer): boolean {
    if (this.peers.size >= MAX_PEERS && !this.forgetOneThatIsGone()) return false;
    this.peers.set(peer.incarnation, peer);
    return true;
  }

  delete(peer: Peer): void {
    this.peers.delete(peer.incarnation);
  }

  [Symbol.iterator](): IterableIterator<Peer> {
    return this.peers.values();
  }

  /** Insertion order is age: the first one that is gone is the one met longest ago. */
  private forgetOneThatIsGone(): boolean {
    for (const peer of this.peers.values()) {
      if (peer.isExpected) continue;
      this.peers.delete(peer.incarnation);
      return true;
    }
    return false;
  }
}
