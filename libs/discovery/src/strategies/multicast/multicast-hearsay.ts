/** What a node heard that puts nobody on its list, for the person who wonders why somebody is missing. Pure. */
import type { MulticastRefusal } from './multicast-packet.js';

/** What is told of, each with the time at which it happened last. */
export type Hearsay = 'other-cluster' | 'forged' | 'loopback' | 'unusable';

/** Remembers for a while; four times and nothing else, whatever arrives. */
export class MulticastHearsay {
  private readonly heardAt = new Map<Hearsay, number>();

  /** @param memoryMs - what was heard longer ago is not told. */
  constructor(private readonly memoryMs: number) {}

  note(what: Hearsay | MulticastRefusal, now: number): void {
    if (what === 'foreign') return;
    this.heardAt.set(what === 'malformed' ? 'unusable' : what, now);
  }

  /** Sentences, with the remedy. */
  tell(now: number): string[] {
    return (Object.keys(SENTENCES) as Hearsay[])
      .filter((what) => now - (this.heardAt.get(what) ?? -Infinity) <= this.memoryMs)
      .map((what) => SENTENCES[what]);
  }
}

const SENTENCES: Readonly<Record<Hearsay, string>> = {
  forged: 'Packets in the name of this cluster are signed with another cookie: give every node the same cookie.',
  'other-cluster':
    'Nodes of another cluster are heard: give every node that shall meet this one the same cluster name.',
  loopback:
    'A node on another machine says that it listens on loopback, where only its own machine reaches it: ' +
    'have it listen on an address of the network, or advertise one.',
  unusable: 'Packets with the right signature make no sense to this release: run releases that can be mixed.',
};
