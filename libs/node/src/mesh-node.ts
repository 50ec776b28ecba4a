/** SKELETON: signatures only, being filled in. */
import type { Gap, Member, MemberEvent, MemberStatus } from '@rookery/mesh';
import type { EventHandler } from '@rookery/pubsub';
import type { Logger } from '@rookery/runtime';
import type { DiscoveryStrategy, PeerAddress } from 'rookery/discovery';
import type { NodeEvents, PayloadOf, TopicOf } from './node-events.js';

export interface MeshOptions {
  /** Nodes of other clusters are refused. @default 'default' */
  cluster?: string;
  /** @default host name and a short suffix */
  name?: string;
  cookie?: string;
  listen?: { host?: string; port?: number };
  advertise?: { host: string; port?: number };
  /** @default local() */
  discovery?: DiscoveryStrategy | readonly DiscoveryStrategy[];
  metadata?: Record<string, unknown>;
  limits?: Record<string, number>;
  logger?: Logger;
}

export interface Freshness {
  readonly fresh: boolean;
  /** One sentence per reason, empty when fresh. */
  readonly reasons: readonly string[];
}

export interface ConfirmedPublication {
  readonly confirmed: readonly Member[];
  readonly failed: readonly Member[];
  readonly pending: readonly Member[];
}

export interface LinkStats {
  readonly member: Member;
  readonly dialled: boolean;
  readonly remoteAddress: string;
  readonly roundTripMs: number | undefined;
  /** Publications not yet acknowledged by this peer. */
  readonly lag: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
}

export interface NodeStats {
  readonly log: { readonly head: number; readonly first: number; readonly bytes: number };
  readonly links: readonly LinkStats[];
  readonly discovery: readonly {
    readonly address: string;
    readonly outcome: string;
    readonly strategy: string;
  }[];
  readonly overruns: number;
}

/** Handlers that share the queue of one subscription: everything reaches them one at a time, in order. */
export interface SubscribeOptions {
  /** For error logs: who this handler is, such as `FlagsService.onFlagChanged`. */
  readonly label?: string;
  /** Subscriptions with the same owner (a provider instance): a gap or member change is an ordered barrier among them. */
  readonly owner?: object;
  /** Called for each gap, in its place in the order. */
  readonly onGap?: (gap: Gap) => unknown;
}

export class MeshNode<Events extends object = Record<never, never>> {
  constructor(_options: MeshOptions = {}) {
    throw new Error('skeleton');
  }
  get self(): Member { throw new Error('skeleton'); }
  /** Other nodes that are up or suspect; with a status, those of that status. Never this node. */
  members(_status?: MemberStatus): readonly Member[] { throw new Error('skeleton'); }
  /** Listens, finds peers and dials. Resolves when listening; rejects with a coded error. Calling it again returns the same promise. */
  start(): Promise<void> { throw new Error('skeleton'); }
  /** Resolves when the first mesh is formed (every first address linked or failed once), at the latest 3 s after the start. */
  ready(): Promise<void> { throw new Error('skeleton'); }
  /** Flushes, waits for acknowledgements (2 s at most), says goodbye, closes. Afterwards publish throws CLUSTER_LEFT. Idempotent. */
  leave(): Promise<void> { throw new Error('skeleton'); }
  publish<T extends TopicOf<Events>>(_topic: T, _payload: PayloadOf<Events, T>): number { throw new Error('skeleton'); }
  publishLocal<T extends TopicOf<Events>>(_topic: T, _payload: PayloadOf<Events, T>): void { throw new Error('skeleton'); }
  publishTo<T extends TopicOf<Events>>(_member: Member | string, _topic: T, _payload: PayloadOf<Events, T>): number { throw new Error('skeleton'); }
  publishConfirmed<T extends TopicOf<Events>>(_topic: T, _payload: PayloadOf<Events, T>, _options?: { timeoutMs?: number }): Promise<ConfirmedPublication> { throw new Error('skeleton'); }
  writable(): Promise<void> { throw new Error('skeleton'); }
  subscribe<T extends TopicOf<Events>>(_topic: T, _handler: EventHandler<PayloadOf<Events, T>>, _options?: SubscribeOptions): () => void { throw new Error('skeleton'); }
  /** A gap handler whose calls take their place in the order among the subscriptions of the same owner. No topic: every gap. */
  subscribeGap(_topic: string | undefined, _handler: (gap: Gap) => unknown, _options?: SubscribeOptions): () => void { throw new Error('skeleton'); }
  /** A member-change handler, ordered like a gap handler. */
  subscribeMember(_status: MemberStatus, _handler: (event: MemberEvent) => unknown, _options?: SubscribeOptions): () => void { throw new Error('skeleton'); }
  on<K extends keyof NodeEvents>(_name: K, _listener: (event: NodeEvents[K]) => void): () => void { throw new Error('skeleton'); }
  freshness(): Freshness { throw new Error('skeleton'); }
  forget(_member: Member | string): void { throw new Error('skeleton'); }
  stats(): NodeStats { throw new Error('skeleton'); }
}

/** A node that starts by itself: `const mesh = createMesh({...}); await mesh.ready();` */
export function createMesh<Events extends object = Record<never, never>>(options: MeshOptions = {}): MeshNode<Events> {
  const node = new MeshNode<Events>(options);
  void node.start();
  return node;
}
export type { PeerAddress };
