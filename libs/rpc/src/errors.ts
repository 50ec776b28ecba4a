/** How calls fail, and their codes, on one page. */
import type { Member } from '@rookery/mesh';

/**
 * Stable codes: match on these, never on messages.
 *
 * `NO_PEER`: no member that serves the pattern can be reached; nothing was sent. `PEER_LOST`: the link to the member broke
 * during the call, or it left before its stream was over; whether its handler ran is unknown. `TIMEOUT`: no answer within
 * `timeoutMs`; the member was told to stop. `REJECTED`: the member did not run it (too many calls, no such handler,
 * undecodable data). `DRAINING`: every member that serves the pattern is about to leave; none ran it. `FAILED`: the handler
 * threw; `payload` is what it threw. `OVERFLOW`: a stream whose source cannot wait outran its reader, and was ended.
 */
export type CallErrorCode = 'NO_PEER' | 'PEER_LOST' | 'TIMEOUT' | 'REJECTED' | 'DRAINING' | 'FAILED' | 'OVERFLOW';

/** A call that came to nothing. */
export class ClusterCallError extends Error {
  constructor(
    readonly code: CallErrorCode,
    message: string,
    readonly pattern: string,
    /** Who was asked last; undefined when nobody was. */
    readonly member: Member | undefined = undefined,
    /** With `FAILED`: what the handler gave as its reason, such as the payload of an `RpcException`. */
    readonly payload: unknown = undefined,
  ) {
    super(message);
    this.name = 'ClusterCallError';
  }

  /** Whether it is certain that no handler ran: then it may be tried again without harm. */
  get didNotRun(): boolean {
    return this.code === 'NO_PEER' || this.code === 'REJECTED' || this.code === 'DRAINING';
  }
}
