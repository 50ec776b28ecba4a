/** The nodes of a simulated cluster: what is known of each of their lives, and how long whom they hold links to. */
import type { PeerAddress } from 'rookery/discovery';
import type { MeshNode } from 'rookery/mesh';
import type { Mesh } from '@rookery/mesh';
import type { SeededRandom, VirtualProcess } from '@rookery/testing';
import type { Cache } from './cached-database.js';

/** A link that stood so long is steady, and is dialled anew at once. */
const STEADY_MS = 11_000;

/** One start of a node. */
export interface Life {
  readonly slot: Slot;
  readonly process: VirtualProcess;
  readonly node: MeshNode;
  readonly mesh: Mesh;
  readonly incarnation: string;
  readonly cache: Cache;
  readonly random: SeededRandom;
  readonly startedAt: number;
  /** Its first discovery answer, once there was one. */
  firstAnswer: { readonly at: number; readonly keys: readonly string[] } | undefined;
  /** When the barrier at its start let it go on. */
  readyAt: number | undefined;
  isLeaving: boolean;
  /** Commits that were not published yet: a service finishes its requests before it says goodbye. */
  unpublished: number;
  endedAt: number | undefined;
  slowUntil: number;
  published: number;
}

/** A name and an address: one life after the other. */
export interface Slot {
  readonly name: string;
  readonly address: PeerAddress;
  life: Life | undefined;
}

interface BoundLink {
  readonly peer?: { readonly incarnation: string; readonly link?: unknown };
  readonly boundAt: number;
}

export function boundLinks(life: Life): Iterable<BoundLink> {
  return (life.mesh as unknown as { bound: Set<BoundLink> }).bound;
}

/** How long `one` holds a link to `other`; negative when it holds none. */
export function linkAge(one: Life, other: Life): number {
  for (const { peer, boundAt } of boundLinks(one)) {
    if (peer?.incarnation === other.incarnation) return one.process.now() - boundAt;
  }
  return -1;
}

export function isLinked(one: Life, other: Life): boolean {
  return linkAge(one, other) >= 0 && linkAge(other, one) >= 0;
}

export function isSteady(one: Life, other: Life): boolean {
  return linkAge(one, other) >= STEADY_MS && linkAge(other, one) >= STEADY_MS;
}
