/** The answering side: what this node serves, and the calls that are being answered. */
import {
  type CallLane,
  ClusterError,
  decode,
  FRAME_ERROR,
  MAX_SERVED,
  ProtocolError,
  type Serves,
  VarintReader,
} from '@rookery/mesh';
import { type Clock, describeError, describeErrorWithStack, type Logger, printable } from '@rookery/runtime';
import type { Responder, ServedKind } from './call.js';
import { head, numbersHead, readRequest, WIRE_CODES } from './call-frames.js';
import { IncomingCall, type IncomingOwner } from './incoming-call.js';
import { checkCallPattern, keyOf } from './served.js';

/** When this node drains, streams that run already have this long to end by themselves. */
const STREAM_GRACE_MS = 1_000;
/** ... and its peers this long to say that they ask nothing more. */
const INFORM_TIMEOUT_MS = 500;

export interface IncomingCallsOwner {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Calls of one member that may be at work at once. */
  readonly maxPending: number;
  /** This node's way to itself. */
  readonly ownLane: CallLane;
  /** Something is served, or is not served any more. */
  onServed(key: string, isServed: boolean): void;
  /** What the others have to be told. */
  announce(serves: Serves): void;
}

export class IncomingCalls implements IncomingOwner {
  readonly clock: Clock;
  private readonly responders = new Map<string, Responder[]>();
  private readonly running = new Map<CallLane, Map<number, IncomingCall>>();
  /** Peers that know that this node drains: nothing new comes from them. */
  private readonly informed = new Set<CallLane>();
  private readonly checks = new Set<() => void>();
  private added: string[] = [];
  private removed: string[] = [];
  private isAnnouncementDue = false;
  isDraining = false;

  constructor(private readonly owner: IncomingCallsOwner) {
    this.clock = owner.clock;
  }

  /** Everything that is served now. */
  served(): Serves {
    return { added: [...this.responders.keys()], removed: [], isDraining: this.isDraining, isLast: true };
  }

  /**
   * Serves a pattern; the last one that was registered answers.
   * @returns a function that ends it
   * @throws ClusterError `CLUSTER_INVALID_PATTERN`, `CLUSTER_TOO_MANY_PATTERNS`
   */
  serve(kind: ServedKind, pattern: string, responder: Responder): () => void {
    checkCallPattern(pattern);
    const key = keyOf(kind, pattern);
    const responders = this.responders.get(key);
    if (responders === undefined) {
      if (this.responders.size >= MAX_SERVED) {
        throw new ClusterError(
          'CLUSTER_TOO_MANY_PATTERNS',
          `A node may serve ${MAX_SERVED} patterns, and this one does.`,
        );
      }
      this.responders.set(key, [responder]);
      this.announce(key, true);
    } else {
      this.owner.logger.warn(
        `Two handlers serve '${printable(pattern)}' on this node: the later one answers from now on.`,
      );
      responders.push(responder);
    }
    return () => this.end(key, responder);
  }

  private end(key: string, responder: Responder): void {
    const responders = this.responders.get(key);
    const index = responders?.indexOf(responder) ?? -1;
    if (responders === undefined || index < 0) return;
    responders.splice(index, 1);
    if (responders.length > 0) return;
    this.responders.delete(key);
    this.announce(key, false);
  }

  /** At the end of the turn: handlers are registered many at a time. */
  private announce(key: string, isServed: boolean): void {
    this.owner.onServed(key, isServed);
    const [list, other] = isServed ? [this.added, this.removed] : [this.removed, this.added];
    list.push(key);
    const undone = other.indexOf(key);
    if (undone >= 0) other.splice(undone, 1);
    if (this.isAnnouncementDue) return;
    this.isAnnouncementDue = true;
    this.clock.endOfTurn(() => this.announceNow());
  }

  private announceNow(): void {
    this.isAnnouncementDue = false;
    const { added, removed, isDraining } = this;
    this.added = [];
    this.removed = [];
    this.owner.announce({ added, removed, isDraining, isLast: true });
  }

  onRequest(lane: CallLane, bytes: Buffer, start: number, end: number): void {
    const request = readRequest(bytes, start, end);
    const { id } = request;
    let calls = this.running.get(lane);
    if (calls === undefined) {
      calls = new Map<number, IncomingCall>();
      this.running.set(lane, calls);
    }
    if (calls.has(id)) throw new ProtocolError(`two calls of the number ${id}`);
    const isSelf = lane === this.owner.ownLane;
    // Its answers pile up here. What this node asks of itself or of the peer may do so, too, and is no fault of the peer.
    if (lane.isOverrun && !isSelf) throw new ProtocolError('the peer asks and does not read the answers');
    if (this.isDraining && !isSelf) return this.refuse(lane, id, 'DRAINING', 'it is about to leave');
    if (calls.size >= this.owner.maxPending) {
      return this.refuse(lane, id, 'REJECTED', `${calls.size} calls of this node are being answered there already`);
    }
    const responder = this.responders.get(request.key)?.at(-1);
    if (responder === undefined) return this.refuse(lane, id, 'REJECTED', 'it does not serve that');
    let data: unknown;
    try {
      data = decode(bytes, request.position, end);
    } catch (error) {
      return this.refuse(lane, id, 'REJECTED', `it cannot decode the data (${describeError(error)})`);
    }
    const call = new IncomingCall(lane, request, this);
    calls.set(id, call);
    try {
      responder(data, call, call);
    } catch (error) {
      this.owner.logger.error(`The handler of '${printable(call.pattern)}' failed: ${describeErrorWithStack(error)}`);
      call.fail(describeError(error));
    }
    call.watchDeadline();
  }

  onCancel(lane: CallLane, bytes: Buffer, start: number, end: number): void {
    const id = new VarintReader(bytes, start, end).next();
    if (id === 0) {
      this.informed.add(lane);
      return this.check();
    }
    this.running.get(lane)?.get(id)?.abort();
  }

  onCredit(lane: CallLane, bytes: Buffer, start: number, end: number): void {
    const reader = new VarintReader(bytes, start, end);
    this.running.get(lane)?.get(reader.next())?.grant(reader.next());
  }

  onLaneClosed(lane: CallLane): void {
    const calls = this.running.get(lane);
    this.running.delete(lane);
    this.informed.delete(lane);
    if (calls !== undefined) for (const call of [...calls.values()]) call.abort();
    this.check();
  }

  onEnded(call: IncomingCall): void {
    this.running.get(call.lane)?.delete(call.id);
    if (this.isDraining) this.check();
  }

  onUnsendable(call: IncomingCall, error: unknown): void {
    this.owner.logger.error(
      `What the handler of '${printable(call.pattern)}' gave cannot be sent to ${printable(call.from.name)}: ${describeError(error)}`,
    );
  }

  onAbortFailed(call: IncomingCall, error: unknown): void {
    this.owner.logger.error(
      `The handler of '${printable(call.pattern)}' failed when its call was over: ${describeErrorWithStack(error)}`,
    );
  }

  /**
   * Takes nothing new, and resolves when what runs is answered and every one of `peers` knows, or after `timeoutMs`.
   * Streams are ended after a second, so that their readers go elsewhere.
   */
  async drain(peers: () => Iterable<CallLane>, timeoutMs: number): Promise<void> {
    if (!this.isDraining) {
      this.isDraining = true;
      this.announceNow();
    }
    // A peer that does not even say that it knows asks nothing any more.
    let isInformed = false;
    const isDone = (): boolean => {
      if (!isInformed) for (const lane of peers()) if (!lane.isClosed && !this.informed.has(lane)) return false;
      for (const calls of this.running.values()) if (calls.size > 0) return false;
      return this.isAllWritten(peers());
    };
    if (isDone()) return;
    await new Promise<void>((resolve) => {
      const silent = this.clock.after(Math.min(INFORM_TIMEOUT_MS, timeoutMs), () => {
        isInformed = true;
        check();
      });
      const streams = this.clock.after(Math.min(STREAM_GRACE_MS, timeoutMs), () => this.endStreams());
      const check = (isTimeUp = false): void => {
        if (!isTimeUp && !isDone()) return;
        silent.cancel();
        streams.cancel();
        timer.cancel();
        this.checks.delete(check);
        resolve();
      };
      const timer = this.clock.after(timeoutMs, () => check(true));
      this.checks.add(check);
    });
  }

  /** Whether every answer has left: a goodbye would overtake them. */
  private isAllWritten(lanes: Iterable<CallLane>): boolean {
    for (const lane of lanes) {
      if (lane.isClosed || lane.queuedBytes === 0) continue;
      lane.onceEmpty(() => this.check());
      return false;
    }
    return true;
  }

  private endStreams(): void {
    for (const calls of this.running.values()) {
      // Of one that sent nothing yet, the caller would believe that it did not run.
      for (const call of [...calls.values()]) if (call.hasSent) call.refuse('DRAINING', 'it is about to leave');
    }
  }

  private check(): void {
    for (const check of this.checks) check();
  }

  private refuse(lane: CallLane, id: number, code: (typeof WIRE_CODES)[number], text: string): void {
    lane.send(FRAME_ERROR, head, numbersHead(id, WIRE_CODES.indexOf(code)), true, text);
  }
}
