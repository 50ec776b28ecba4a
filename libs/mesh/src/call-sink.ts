/** What the mesh hands to the layer that makes calls. The mesh carries its frames, link by link, and reads none of them. */
import type { CallLane } from './link/call-lane.js';
import type { Member } from './membership/member.js';
import type { Serves } from './protocol/list-frames.js';

/** Called synchronously from the read loop, so it must never block; it throws `ProtocolError` to close the link, and nothing else. */
export interface CallSink {
  /** Everything that this node answers, for a link that begins. */
  served(): Serves;
  /** What the peer at the end of `lane` answers, as a change of what it told before. The first comes right before its `up`. */
  onServes(lane: CallLane, serves: Serves): void;
  /** A frame of a call; its body lies at `[start, end)`, and is only valid during the call. */
  onCall(lane: CallLane, type: number, bytes: Buffer, start: number, end: number): void;
  /** The link is gone, and with it all that was asked on it. `isGoodbye`: the peer left in order. */
  onLaneClosed(lane: CallLane, from: Member, reason: string): void;
}
