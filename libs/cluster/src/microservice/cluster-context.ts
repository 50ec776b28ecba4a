/** What a handler learns beside the data, with `@Ctx()`. */
import { BaseRpcContext } from '@nestjs/microservices';
import type { CallContext } from '@rookery/rpc';
import type { EventContext, Member } from 'rookery/mesh';

/** Where an event or a call came from, as the mesh tells it. */
export type ClusterContextArgs = [source: CallContext | EventContext, pattern?: string];

/**
 * The context of a handler of `@MessagePattern` or `@EventPattern` on the mesh. Calls have a deadline and a signal, and so
 * have events that were emitted to one member; events that were published have a sequence number and a time.
 *
 * @example
 * @MessagePattern('report.build')
 * build(@Payload() id: string, @Ctx() context: ClusterContext): Promise<Report> {
 *   return this.reports.build(id, { signal: context.getSignal() });
 * }
 */
export class ClusterContext extends BaseRpcContext<ClusterContextArgs> {
  private never: AbortSignal | undefined;

  /** The pattern as it was asked for or published to: for a handler of `flag.*`, `flag.changed`. */
  getPattern(): string {
    const [source, pattern] = this.args;
    return pattern ?? ('pattern' in source ? source.pattern : source.topic);
  }

  /** Who asked, emitted or published. */
  getMember(): Member {
    return this.args[0].from;
  }

  /** What the client sent beside the data, see `setOnDispatchHook`; undefined when it sent nothing. */
  getMetadata(): Readonly<Record<string, unknown>> | undefined {
    return this.call?.metadata;
  }

  /** Aborts when nobody waits for the answer any more: cancelled, too late, or the caller is gone. Never for what was published. */
  getSignal(): AbortSignal {
    // One of its own: listeners on a signal that all events share would pile up.
    return this.call?.signal ?? (this.never ??= new AbortController().signal);
  }

  /** Milliseconds until the caller gives up, 0 when it did; infinite where nobody waits. */
  getRemainingMs(): number {
    return this.call?.remainingMs ?? Number.POSITIVE_INFINITY;
  }

  /** The publisher's sequence number of the event; undefined for calls and for what was emitted to one member. */
  getSeq(): number | undefined {
    return this.event?.seq;
  }

  /** Whether the event was published before this node first met its publisher. */
  isReplayed(): boolean {
    return this.event?.replayed ?? false;
  }

  /** The publisher's wall clock, in milliseconds since the Unix epoch, for display; undefined where {@link getSeq} is. */
  getPublishedAt(): number | undefined {
    return this.event?.publishedAt;
  }

  private get call(): CallContext | undefined {
    const [source] = this.args;
    return 'remainingMs' in source ? source : undefined;
  }

  private get event(): EventContext | undefined {
    const [source] = this.args;
    return 'seq' in source ? source : undefined;
  }
}
