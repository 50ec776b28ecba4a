/** The asking side: calls that wait for their answers, and what becomes of them. */
import {
  type CallLane,
  ClusterError,
  decode,
  FRAME_CANCEL,
  FRAME_CREDIT,
  FRAME_ERROR,
  FRAME_HEADER_BYTES,
  FRAME_NEXT,
  FRAME_REQUEST,
  type Member,
  ProtocolError,
  VarintReader,
} from '@rookery/mesh';
import { type Clock, describeError, printable, type Timer } from '@rookery/runtime';
import type { CallObserver, CallOptions, OpenCall, ServedKind } from './call.js';
import { encodeMetadata, numbersHead, head, requestHead, WIRE_CODES } from './call-frames.js';
import type { Directory, NoServer, Server } from './directory.js';
import { type CallErrorCode, ClusterCallError } from './errors.js';
import { keyOf } from './served.js';
import { RetryBudget } from './retry-budget.js';
import { STREAM_WINDOW_BYTES } from './stream-window.js';

/** How long a call waits by default. */
export const CALL_TIMEOUT_MS = 5_000;

/** A member whose link broke is often back within this time: a call that finds nobody else waits for it so long. */
const RETURN_TIMEOUT_MS = 1_000;

/** So many patterns are named to whoever asks for one that nobody serves. */
const MAX_NAMED_PATTERNS = 20;

const NOTHING_SERVED =
  'None is served anywhere. On Nest, ClusterServer serves the handlers: give it to createMicroservice or connectMicroservice.';

export interface OutgoingOwner {
  readonly clock: Clock;
  readonly directory: Directory;
  /** Calls that may wait at once. */
  readonly maxPending: number;
  /** Whether a member that served `key` lost its link so lately that it may be back at once. */
  mayReturn(key: string): boolean;
}

export class OutgoingCalls {
  /** By number: numbers are this node's, whomever it asks. */
  private readonly pending = new Map<number, OutgoingCall>();
  /** Calls for which nobody is there at the moment. */
  private readonly waiting = new Set<OutgoingCall>();
  readonly budget: RetryBudget;
  private lastId = 0;
  private count = 0;
  closedBecause: ClusterError | undefined;

  constructor(readonly owner: OutgoingOwner) {
    this.budget = new RetryBudget(owner.clock.now());
  }

  /**
   * Begins a call. Its end is told to `observer`, after this returned.
   * @throws ClusterError `CLUSTER_INVALID_PAYLOAD`, `CLUSTER_PAYLOAD_TOO_LARGE`, `CLUSTER_TOO_MANY_PENDING`, `CLUSTER_LEFT`
   */
  open(kind: ServedKind, pattern: string, data: unknown, options: CallOptions, observer: CallObserver): OpenCall {
    if (this.closedBecause !== undefined) throw this.closedBecause;
    if (this.count >= this.owner.maxPending) {
      throw new ClusterError(
        'CLUSTER_TOO_MANY_PENDING',
        `${this.count} calls of this node wait for their answers already. Await some before the next, or raise limits.maxPendingCalls.`,
      );
    }
    const call = new OutgoingCall(this, kind, pattern, data, options, observer);
    this.budget.noteCall();
    call.begin();
    return call;
  }

  nextId(): number {
    return (this.lastId = (this.lastId % 0xffffffff) + 1);
  }

  noteBegun(): void {
    this.count++;
  }

  noteEnded(call: OutgoingCall): void {
    this.count--;
    this.waiting.delete(call);
  }

  track(id: number, call: OutgoingCall): void {
    // It is asked of somebody: whatever becomes of it now, it is not that nobody was there.
    if (this.waiting.size > 0) this.waiting.delete(call);
    this.pending.set(id, call);
  }

  untrack(id: number): void {
    this.pending.delete(id);
  }

  wait(call: OutgoingCall): void {
    this.waiting.add(call);
  }

  /** Somebody serves more than before. */
  noteServed(): void {
    for (const call of [...this.waiting]) call.retryWaiting();
  }

  /** An answer. What nobody waits for is late, and ignored. */
  onFrame(lane: CallLane, type: number, bytes: Buffer, start: number, end: number): void {
    const reader = new VarintReader(bytes, start, end);
    const call = this.pending.get(reader.next());
    if (call?.lane !== lane) return;
    if (type === FRAME_ERROR) {
      const code = WIRE_CODES[reader.next()] ?? 'FAILED';
      call.onError(code, bytes, reader.position, end);
    } else call.onAnswer(type === FRAME_NEXT, bytes, start, reader.position, end);
  }

  onLaneClosed(lane: CallLane, reason: string): void {
    for (const call of [...this.pending.values()]) if (call.lane === lane) call.onLost(reason);
  }

  /** This node leaves: nobody will answer any more. */
  close(reason: ClusterError): void {
    this.closedBecause = reason;
    for (const call of [...this.waiting]) call.fail('NO_PEER', reason.message);
    for (const call of [...this.pending.values()]) call.fail('PEER_LOST', reason.message);
  }
}

class OutgoingCall implements OpenCall {
  private readonly key: string;
  private readonly startedAt: number;
  private readonly timeoutMs: number;
  private readonly metadata: Buffer | undefined;
  /** Whether the deadline is over with the first answer: it is that of a stream without one of its own. */
  private readonly isForFirst: boolean;
  private timer: Timer | undefined;
  private returnTimer: Timer | undefined;
  private server: Server | undefined;
  private member: Member | undefined;
  private id = 0;
  private tried: Server[] | undefined;
  private isOver = false;
  private hasAnswered = false;
  /** What became of an attempt whose outcome is unknown: from then on nobody may be told that it did not run. */
  private lost: string | undefined;
  /** Bytes of a stream that were not taken yet. */
  private unreadBytes = 0;
  /** Bytes of a stream that were taken and not granted anew. */
  private consumedBytes = 0;

  constructor(
    private readonly calls: OutgoingCalls,
    kind: ServedKind,
    private readonly pattern: string,
    private readonly data: unknown,
    private readonly options: CallOptions,
    private readonly observer: CallObserver,
  ) {
    this.key = keyOf(kind, pattern);
    this.startedAt = calls.owner.clock.now();
    this.timeoutMs = options.timeoutMs ?? CALL_TIMEOUT_MS;
    this.isForFirst = options.timeoutMs === undefined && observer.isForLast !== true;
    this.metadata = encodeMetadata(options.metadata);
  }

  /** Where its answer comes from. */
  get lane(): CallLane | undefined {
    return this.server?.lane;
  }

  begin(): void {
    this.calls.noteBegun();
    try {
      this.attempt();
    } catch (error) {
      // What cannot be sent was not asked of anybody.
      this.finish();
      throw error;
    }
    if (this.isOver) return;
    const { clock } = this.calls.owner;
    // After a stall of our own the answer is still in the socket.
    this.timer = clock.after(this.timeoutMs, () => clock.afterPoll(() => this.onTimeout()));
  }

  cancel(): void {
    if (this.isOver) return;
    this.tellCancelled();
    this.finish();
  }

  /** The observer is done with `bytes` of a stream that it takes at its own pace. */
  grant(bytes: number): void {
    this.unreadBytes -= bytes;
    this.consumedBytes += bytes;
    if (this.isOver || this.server === undefined || this.consumedBytes < STREAM_WINDOW_BYTES / 2) return;
    this.server.lane.send(FRAME_CREDIT, head, numbersHead(this.id, this.consumedBytes), false);
    this.consumedBytes = 0;
  }

  retryWaiting(): void {
    if (this.isOver || this.server !== undefined) return;
    try {
      this.attempt();
    } catch (error) {
      // It could be encoded for another member before; this one takes less.
      this.fail('REJECTED', describeError(error));
    }
  }

  onAnswer(isNext: boolean, bytes: Buffer, frameStart: number, start: number, end: number): void {
    const { member, observer } = this;
    let value: unknown;
    const hasValue = start < end;
    if (isNext && (!hasValue || this.unreadBytes >= STREAM_WINDOW_BYTES)) {
      throw new ProtocolError(hasValue ? 'a stream beyond what was granted' : 'a value of a stream that is none');
    }
    try {
      if (hasValue) value = decode(bytes, start, end);
    } catch (error) {
      this.tellCancelled();
      return this.fail(
        'FAILED',
        `The answer of ${this.who()} to '${this.shown()}' cannot be decoded: ${describeError(error)}`,
      );
    }
    this.noteAnswered();
    if (!isNext) {
      this.finish();
      if (hasValue) observer.next(value, member!, 0);
      return observer.complete();
    }
    const frameBytes = FRAME_HEADER_BYTES + end - frameStart;
    this.unreadBytes += frameBytes;
    observer.next(value, member!, frameBytes);
    if (observer.isPulling !== true) this.grant(frameBytes);
  }

  onError(code: (typeof WIRE_CODES)[number], bytes: Buffer, start: number, end: number): void {
    let payload: unknown;
    try {
      if (start < end) payload = decode(bytes, start, end);
    } catch (error) {
      payload = `(a reason that cannot be decoded: ${describeError(error)})`;
    }
    const { server } = this;
    const text = typeof payload === 'string' ? payload : '';
    if (code === 'FAILED') {
      const reason = payload instanceof Error || typeof payload === 'string' ? `: ${describeError(payload)}` : '.';
      return this.fail(code, `The handler of '${this.shown()}' on ${this.who()} failed${reason}`, payload);
    }
    this.release();
    if (this.hasAnswered && (code === 'DRAINING' || code === 'REJECTED')) {
      // It ran, and its reader has a part of it: another member would begin anew.
      return this.fail('PEER_LOST', `${this.who()} ended the stream of '${this.shown()}': ${printable(text, 512)}.`);
    }
    // It did not run there, so it may run elsewhere.
    if ((code === 'DRAINING' || code === 'REJECTED') && server !== undefined) {
      (this.tried ??= []).push(server);
      const next = this.choose();
      if (typeof next !== 'string') return this.askNow(next);
    }
    this.fail(code, `${this.who()} did not answer '${this.shown()}': ${printable(text, 512)}`);
  }

  onLost(reason: string): void {
    const { server } = this;
    this.release();
    const { idempotent } = this.options;
    const { clock } = this.calls.owner;
    this.lost = `The link to ${this.who()} broke while it was asked '${this.shown()}' (${printable(reason)}): whether its handler ran is unknown.`;
    if (idempotent === true && !this.hasAnswered && this.calls.budget.take(clock.now())) {
      if (server !== undefined) (this.tried ??= []).push(server);
      return this.retryWaiting();
    }
    this.fail('PEER_LOST', `${this.lost} Where running twice does no harm, mark the call idempotent.`);
  }

  fail(code: CallErrorCode, message: string, payload?: unknown): void {
    if (this.isOver) return;
    const { member, lost } = this;
    this.finish();
    const error = new ClusterCallError(code, message, this.pattern, member, payload);
    this.observer.error(
      // The last member did not run it; one before may have.
      lost === undefined || !error.didNotRun
        ? error
        : new ClusterCallError('PEER_LOST', `${lost} Nobody else could be asked: ${message}`, this.pattern, member),
    );
  }

  private attempt(): void {
    const choice = this.choose();
    if (typeof choice !== 'string') return this.ask(choice);
    const { clock } = this.calls.owner;
    // Only who never answered may come back: of the others, it is known that they do not run it.
    if (choice === 'none' && this.calls.owner.mayReturn(this.key)) {
      this.calls.wait(this);
      this.returnTimer ??= clock.after(RETURN_TIMEOUT_MS, () => clock.afterPoll(() => this.failUnserved('none')));
      return;
    }
    // Told at the end of the turn: nobody expects an answer before the call has returned.
    clock.endOfTurn(() => this.failUnserved(choice));
  }

  private choose(): Server | NoServer {
    return this.calls.owner.directory.choose(this.key, this.options, this.tried);
  }

  private askNow(server: Server): void {
    try {
      this.ask(server);
    } catch (error) {
      this.fail('REJECTED', describeError(error));
    }
  }

  private ask(server: Server): void {
    const { calls } = this;
    const { clock } = calls.owner;
    const id = calls.nextId();
    const leftMs = Math.max(0, Math.ceil(this.timeoutMs - (clock.now() - this.startedAt)));
    const length = requestHead(id, leftMs, this.isForFirst, keyBytes(this.key), this.metadata);
    server.lane.send(FRAME_REQUEST, head, length, true, this.data);
    this.server = server;
    this.member = server.lane.member;
    this.id = id;
    server.inFlight++;
    this.returnTimer?.cancel();
    this.returnTimer = undefined;
    calls.track(id, this);
  }

  private noteAnswered(): void {
    if (this.hasAnswered) return;
    this.hasAnswered = true;
    if (this.isForFirst) this.timer?.cancel();
  }

  private onTimeout(): void {
    if (this.isOver || (this.hasAnswered && this.isForFirst)) return;
    this.tellCancelled();
    if (this.server === undefined) return this.failUnserved('none');
    this.fail('TIMEOUT', `${this.who()} did not answer '${this.shown()}' within ${this.timeoutMs} ms.`);
  }

  private tellCancelled(): void {
    const { server } = this;
    if (server === undefined || server.lane.isClosed) return;
    server.lane.send(FRAME_CANCEL, head, numbersHead(this.id), false);
  }

  private failUnserved(why: NoServer): void {
    if (this.isOver || this.server !== undefined) return;
    const { directory } = this.calls.owner;
    const pattern = this.shown();
    const rest = this.tried === undefined ? '' : ' besides those that were asked';
    if (why === 'full') {
      return this.fail('REJECTED', `Too much waits to be sent to every member that serves '${pattern}'${rest}.`);
    }
    if (why === 'draining') {
      return this.fail('DRAINING', `Every member that serves '${pattern}'${rest} is about to leave.`);
    }
    const serving = directory.matching(this.key, {}).length;
    const what = this.key === keyOf('event', this.pattern) ? 'the event ' : '';
    const known = directory.keys.filter((key) => key[0] === this.key[0]).map((key) => printable(key.slice(1), 64));
    const named = known.slice(0, MAX_NAMED_PATTERNS).join(', ');
    const more = known.length > MAX_NAMED_PATTERNS ? `, and ${known.length - MAX_NAMED_PATTERNS} more` : '';
    this.fail(
      'NO_PEER',
      serving > 0
        ? `No member that serves '${pattern}'${rest} is where this call should go (${serving} elsewhere). Check 'to' and 'where'.`
        : `No member serves ${what}'${pattern}'. ${known.length === 0 ? NOTHING_SERVED : `Served are: ${named}${more}.`}`,
    );
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.timer?.cancel();
    this.returnTimer?.cancel();
    this.release();
    this.calls.noteEnded(this);
  }

  /** The member that was asked has nothing more to do with this call. */
  private release(): void {
    const { server } = this;
    if (server === undefined) return;
    this.server = undefined;
    server.inFlight--;
    this.calls.untrack(this.id);
  }

  private who(): string {
    return printable(this.member?.name ?? 'nobody');
  }

  private shown(): string {
    return printable(this.pattern);
  }
}

const MAX_KNOWN_KEYS = 1_000;
const knownKeys = new Map<string, Buffer>();

/** The bytes of a key, made once: there are few, and each is sent often. */
function keyBytes(key: string): Buffer {
  let bytes = knownKeys.get(key);
  if (bytes === undefined) {
    bytes = Buffer.from(key);
    if (knownKeys.size >= MAX_KNOWN_KEYS) knownKeys.clear();
    knownKeys.set(key, bytes);
  }
  return bytes;
}
