/** The words for who is here: members, their status, and the events about them. */
import type { PeerAddress } from 'rookery/discovery';
import type { MemberMetadata } from './metadata.js';

export type { MemberMetadata } from './metadata.js';

/**
 * `up`: linked, or lately so. `suspect`: the link broke, the member may return. `lost`: there is evidence that it died
 * (an incarnation that returns all the same is `up` again). `left`: it said goodbye.
 */
export type MemberStatus = 'up' | 'suspect' | 'lost' | 'left';

/** A node that we know: one start of one process. An immutable snapshot. */
export interface Member {
  /** A label for people, such as the pod's name. May repeat, may move to another address. */
  readonly name: string;
  /** 16 hexadecimal digits, new at each start of the process: the identity. */
  readonly incarnation: string;
  readonly status: MemberStatus;
  /** Where it listens, or what it advertises. Of this node itself, `0.0.0.0` or `::` mean every interface. */
  readonly address: PeerAddress;
  readonly metadata: MemberMetadata;
}

/** Something became of a member. For one member, `up` and down (`lost`, `left`) alternate. */
export interface MemberEvent {
  readonly member: Member;
  /** For people and logs, such as `connection reset` or `goodbye`. */
  readonly reason: string;
}

/**
 * Why publications are missing. `window`: away too long, or too slow. `first-contact`: the sender is older than its
 * window. `origin-lost`: it died without goodbye, what it last did is unknown. `left-behind`: it said goodbye before
 * all of it reached us. `slow-handler`: the queue of this subscription overflowed. `too-large`: larger than we accept.
 * `undecodable`: the payload could not be decoded.
 */
export type GapReason =
  'window' | 'first-contact' | 'origin-lost' | 'left-behind' | 'slow-handler' | 'too-large' | 'undecodable';

/** Takes the place, in the order, of publications that will not come. */
export interface Gap {
  readonly from: Member;
  readonly reason: GapReason;
  /** How many publications meant for this node are missing; undefined when nobody can know (`origin-lost`). */
  readonly missed: number | undefined;
}
