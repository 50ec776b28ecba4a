/** Calls over the mesh: who is asked, what is awaited, what is answered. */
import {
  CallLane,
  type CallSink,
  ClusterError,
  FRAME_CANCEL,
  FRAME_CREDIT,
  FRAME_REQUEST,
  FrameReader,
  type Member,
  type MeshLimits,
  type Serves,
} from '@rookery/mesh';
import type { Clock, Logger } from '@rookery/runtime';
import type {
  CallHandler,
  CallObserver,
  CallOptions,
  CallOutcome,
  OpenCall,
  Responder,
  Route,
  ServedKind,
} from './call.js';
import { numbersHead, head } from './call-frames.js';
import { Directory } from './directory.js';
import { ClusterCallError } from './errors.js';
import { IncomingCalls } from './incoming-calls.js';
import { OutgoingCalls } from './outgoing-calls.js';
import { responderOf } from './responder.js';
import { checkCallPattern, keyOf } from './served.js';
import { CallStream } from './call-stream.js';

/** How long what a member served is remembered after its link broke: it is often back at once. */
const RETURN_TIMEOUT_MS = 1_000;

/** Why one member of many cannot be asked; whatever else cannot be sent, cannot be sent to anybody. */
const ONE_MEMBERS: readonly string[] = ['CLUSTER_PAYLOAD_TOO_LARGE', 'CLUSTER_TOO_MANY_PENDING'];

/** What calls need of the mesh. */
export interface CallMesh {
  readonly self: Member;
  announceServes(serves: Serves): void;
}

export class Rpc implements CallSink {
  private mesh!: CallMesh;
  private readonly ownLane: CallLane;
  private readonly directory: Directory;
  private readonly outgoing: OutgoingCalls;
  private readonly incoming: IncomingCalls;
  /** What members served whose links broke, and when. */
  private readonly absent: { readonly keys: ReadonlySet<string>; readonly until: number }[] = [];

  constructor(
    private readonly clock: Clock,
    logger: Logger,
    limits: Pick<MeshLimits, 'maxFrameBytes' | 'maxPendingCalls'>,
  ) {
    this.ownLane = this.makeOwnLane(limits.maxFrameBytes);
    this.directory = new Directory(this.ownLane);
    this.outgoing = new OutgoingCalls({
      clock,
      directory: this.directory,
      maxPending: limits.maxPendingCalls,
      mayReturn: (key) => this.mayReturn(key),
    });
    this.incoming = new IncomingCalls({
      clock,
      logger,
      maxPending: limits.maxPendingCalls,
      ownLane: this.ownLane,
      onServed: (key, isServed) => this.onServedHere(key, isServed),
      announce: (serves) => this.mesh.announceServes(serves),
    });
  }

  /** Before anything else. */
  attach(mesh: CallMesh): void {
    this.mesh = mesh;
  }

  // ---- asking -----------------------------------------------------------------------------------------------------

  open(kind: ServedKind, pattern: string, data: unknown, options: CallOptions, observer: CallObserver): OpenCall {
    return this.outgoing.open(kind, pattern, data, options, observer);
  }

  request(pattern: string, data: unknown, options: CallOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      checkCallPattern(pattern);
      const { signal } = options;
      signal?.throwIfAborted();
      let value: unknown;
      const onAbort = (): void => {
        call.cancel();
        reject(signal!.reason as Error);
      };
      const done = signal === undefined ? undefined : (): void => signal.removeEventListener('abort', onAbort);
      const call: OpenCall = this.outgoing.open('call', pattern, data, options, {
        // Of a stream, the last value is the answer.
        isForLast: true,
        next: (next) => (value = next),
        complete: () => {
          done?.();
          resolve(value);
        },
        error: (error) => {
          done?.();
          reject(error);
        },
      });
      if (signal === undefined) return;
      // A getter of the data may have aborted it meanwhile.
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  async requestAll(pattern: string, data: unknown, options: CallOptions = {}): Promise<readonly CallOutcome[]> {
    const members = this.serving('call', pattern, options);
    return Promise.all(
      members.map(async (member): Promise<CallOutcome> => {
        try {
          return { member, value: await this.request(pattern, data, { ...options, to: member }) };
        } catch (error) {
          if (error instanceof ClusterCallError) return { member, error };
          // The others are asked already, and this one was not: it takes less than they do, or one call too many waits.
          if (!(error instanceof ClusterError) || !ONE_MEMBERS.includes(error.code)) throw error;
          return { member, error: new ClusterCallError('REJECTED', error.message, pattern, member) };
        }
      }),
    );
  }

  stream(pattern: string, data: unknown, options: CallOptions = {}): AsyncIterable<unknown> {
    checkCallPattern(pattern);
    return { [Symbol.asyncIterator]: () => new CallStream(this.outgoing, pattern, data, options) };
  }

  /** Members that serve it and are not about to leave, this node included. */
  serving(kind: ServedKind, pattern: string, route: Route = {}): readonly Member[] {
    return this.directory
      .matching(keyOf(kind, pattern), route)
      .filter(({ isDraining }) => !isDraining)
      .map(({ lane }) => lane.member);
  }

  // ---- answering --------------------------------------------------------------------------------------------------

  serve(kind: ServedKind, pattern: string, responder: Responder): () => void {
    return this.incoming.serve(kind, pattern, responder);
  }

  respond(pattern: string, handler: CallHandler): () => void {
    return this.incoming.serve('call', pattern, responderOf(handler));
  }

  /** Takes no new calls, and resolves when those that run are answered, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void> {
    return this.incoming.drain(() => this.peerLanes(), timeoutMs);
  }

  close(): void {
    this.outgoing.close(
      new ClusterError('CLUSTER_LEFT', 'This node has left the cluster: nobody can be asked any more.'),
    );
    this.ownLane.close();
    this.incoming.onLaneClosed(this.ownLane);
  }

  // ---- from the mesh ----------------------------------------------------------------------------------------------

  served(): Serves {
    return this.incoming.served();
  }

  onServes(lane: CallLane, serves: Serves): void {
    const wasDraining = this.directory.server(lane)?.isDraining === true;
    this.directory.apply(lane, serves);
    // Behind all that was asked of it before.
    if (serves.isDraining && !wasDraining) lane.send(FRAME_CANCEL, head, numbersHead(0), false);
    this.outgoing.noteServed();
  }

  onCall(lane: CallLane, type: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FRAME_REQUEST:
        return this.incoming.onRequest(lane, bytes, start, end);
      case FRAME_CANCEL:
        return this.incoming.onCancel(lane, bytes, start, end);
      case FRAME_CREDIT:
        return this.incoming.onCredit(lane, bytes, start, end);
      default:
        return this.outgoing.onFrame(lane, type, bytes, start, end);
    }
  }

  onLaneClosed(lane: CallLane, _from: Member, reason: string): void {
    const server = this.directory.remove(lane);
    if (server !== undefined && !server.isDraining && server.keys.size > 0) {
      this.forgetAbsent();
      this.absent.push({ keys: server.keys, until: this.clock.now() + RETURN_TIMEOUT_MS });
    }
    this.outgoing.onLaneClosed(lane, reason);
    this.incoming.onLaneClosed(lane);
  }

  // ---- inside -----------------------------------------------------------------------------------------------------

  private mayReturn(key: string): boolean {
    this.forgetAbsent();
    return this.absent.some(({ keys }) => keys.has(key));
  }

  private forgetAbsent(): void {
    const now = this.clock.now();
    while (this.absent.length > 0 && this.absent[0]!.until < now) this.absent.shift();
  }

  /** Known here at once. What runs here while this node drains may ask this node itself to the end. */
  private onServedHere(key: string, isServed: boolean): void {
    const [added, removed] = isServed ? [[key], []] : [[], [key]];
    this.directory.apply(this.ownLane, { added, removed, isDraining: false, isLast: true });
    if (isServed) this.outgoing.noteServed();
  }

  private *peerLanes(): Iterable<CallLane> {
    for (const { lane, isSelf } of this.directory.servers) if (!isSelf) yield lane;
  }

  /** This node asks itself through the same bytes: what is asked is a copy, and answered in a later turn. */
  private makeOwnLane(maxFrameBytes: number): CallLane {
    const reader = new FrameReader((type, bytes, start, end) => {
      this.onCall(this.ownLane, type, bytes, start, end);
      return !this.ownLane.isClosed;
    });
    reader.endHandshake(maxFrameBytes);
    const { clock } = this;
    return new CallLane({
      clock,
      maxFrameBytes,
      member: () => this.mesh.self,
      isStuck: () => false,
      write: (bytes, onWritten) => {
        clock.afterPoll(() => {
          if (this.ownLane.isClosed) return;
          reader.push(bytes);
          onWritten();
        });
      },
    });
  }
}
