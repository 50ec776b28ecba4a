/** What the mesh hands up, in order: for each peer, `up` first, then its publications and gaps, then `lost` or `left`. */
import type { ConfirmOutcome } from './protocol/control-frames.js';
import type { Gap, Member, MemberEvent, MemberStatus } from './membership/member.js';

/**
 * The layer above. Called synchronously from the read loop, so it must never block or throw.
 */
export interface MeshSink {
  /**
   * A publication, as the frame's body at `[start, end)` of `bytes` (layout in `protocol/frame.ts`). The bytes are only
   * valid during the call. `from` is this node itself for its own publications.
   */
  onPublication(from: Member, seq: number, bytes: Buffer, start: number, end: number, isReplayed: boolean): void;
  onGap(gap: Gap): void;
  onMember(status: MemberStatus, event: MemberEvent): void;
  /** A peer tells what became of our publication `seq`, which asked for it. */
  onConfirm(from: Member, seq: number, outcome: ConfirmOutcome): void;
  /** Whether anybody here subscribed to anything, so that own publications are worth reading back. */
  readonly hasSubscriptions: boolean;
  /** The handler that is furthest behind: since when the oldest event that it is not done with is here, in monotonic milliseconds. */
  slowestHandler(): { readonly label: string; readonly behindSince: number } | undefined;
}
