/** Addresses to connections, again and again, politely: what is wanted against what is there, at every change. */
import { addressKey, type PeerAddress } from 'rookery/discovery';
import { type Clock, describeError, type Random, type Timer } from '@rookery/runtime';
import type { Connection, DialFailureKind, Transport } from '../transport/transport.js';
import {
  backoffMs,
  type BackoffLimits,
  RETRY,
  RETRY_REJECTED,
  RETRY_RESET,
  RETRY_STRANGER,
  RETRY_SUSPECT,
} from './backoff.js';

/**
 * What came of the last dial. Beside the failures of a dial: `new` before the first, `dialling`, `linked`, `closed` when
 * the link broke, `left` when the peer said goodbye, and what the peer refused us for.
 */
export type DialOutcome =
  | DialFailureKind
  | 'new'
  | 'dialling'
  | 'linked'
  | 'closed'
  | 'left'
  | 'self'
  | 'cluster'
  | 'version'
  | 'duplicate-link'
  | 'busy';

/**
 * Outcomes that prove that no peer of ours listens there, until a later dial says otherwise. Not `version`: that is a member
 * of our own cluster, which publishes what we cannot hear.
 */
export const PROVEN_EMPTY: ReadonlySet<DialOutcome> = new Set<DialOutcome>([
  'refused',
  'left',
  'self',
  'cluster',
  'unauthenticated',
  'foreign',
  'unresolved',
]);

/** Outcomes that only a person can mend: no use in hurrying. */
const REJECTIONS: ReadonlySet<DialOutcome> = new Set<DialOutcome>(['unauthenticated', 'cluster', 'version', 'foreign']);

/** Outcomes of a connection that was taken and led to nothing: where nobody of ours ever was, it may be somebody else's. */
const UNPROVEN: ReadonlySet<DialOutcome> = new Set<DialOutcome>(['reset', 'silent']);

/** So often a member that is expected there may do the same: about a minute. Then its address may be somebody else's by now. */
const MAX_UNPROVEN_BY_MEMBER = 20;

const MAX_DIALS_IN_FLIGHT = 16;
/** The rest is for members: addresses that take their time, and may be anybody's, must not keep a link that broke from coming back. */
const MAX_STRANGERS_IN_FLIGHT = 12;
/** More addresses than a mesh may have members, by far. */
const MAX_TARGETS = 4_096;

/** An address that is, or was, worth dialling. */
export class DialTarget {
  readonly key: string;
  /** The strategies whose last answers list it; none for one that only a member told of. */
  listedBy: readonly string[] = [];
  /** Whom we found there last, or whom another member says is there. */
  owner: string | undefined;
  outcome: DialOutcome = 'new';
  /** What came of the last dial that failed, and what was said then, for people. */
  failure: DialOutcome | undefined;
  detail: string | undefined;
  /** When it was last known whether a peer of ours is there, or first heard of. Monotonic milliseconds. */
  knownAt: number;
  /** Failures in a row. */
  attempts = 0;
  /** Not dialled before this monotonic time. */
  notBefore = 0;
  isDialling = false;

  constructor(
    readonly address: PeerAddress,
    now: number,
  ) {
    this.key = addressKey(address);
    this.knownAt = now;
  }
}

export interface DialerOwner {
  /** All targets are about to be asked about. */
  beforeReconcile(): void;
  onDialling(target: DialTarget): void;
  /** For a member that is suspect: how long a dial waits for its host, so that soon after the way is open again one gets through. */
  suspectTimeoutMs(target: DialTarget): number | undefined;
  /** Until when the other end is left to dial, monotonic; looked at again then. */
  yieldsUntil(target: DialTarget): number;
  /** Whether a link to whatever listens there is missing. */
  wants(target: DialTarget): boolean;
  /** Whether no member is expected to be there. */
  isStranger(target: DialTarget): boolean;
  /** Whether the target is of no more use. */
  isObsolete(target: DialTarget): boolean;
  onConnection(connection: Connection, target: DialTarget): void;
  onDialFailed(target: DialTarget, kind: DialFailureKind, message: string): void;
}

export class Dialer {
  private readonly targets = new Map<string, DialTarget>();
  private inFlight = 0;
  private strangersInFlight = 0;
  private timer: Timer | undefined;
  private isClosed = false;
  private readonly cancels = new Set<{ cancel(): void }>();
  /** What targets that had to make room were told to wait until, the oldest first. */
  private readonly spared = new Map<string, number>();

  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly owner: DialerOwner,
  ) {}

  [Symbol.iterator](): IterableIterator<DialTarget> {
    return this.targets.values();
  }

  /** The target of an address, made if there is room; undefined when there is none. */
  target(address: PeerAddress, key = addressKey(address)): DialTarget | undefined {
    let target = this.targets.get(key);
    if (target === undefined) {
      if (this.targets.size >= MAX_TARGETS) return undefined;
      target = new DialTarget(address, this.clock.now());
      target.notBefore = this.spared.get(key) ?? 0;
      this.spared.delete(key);
      this.targets.set(key, target);
    }
    return target;
  }

  /** Dials what is wanted and due, and wakes up when the next one is. Called at every change of what is known. */
  reconcile(): void {
    if (this.isClosed) return;
    this.timer?.cancel();
    this.timer = undefined;
    const now = this.clock.now();
    let nextAt = Number.POSITIVE_INFINITY;
    const due: DialTarget[] = [];
    this.owner.beforeReconcile();
    for (const target of this.targets.values()) {
      if (target.isDialling) continue;
      if (this.owner.isObsolete(target)) {
        // One that is listed again soon is no new one: what it was told to wait still holds.
        if (target.notBefore <= now || this.targets.size > MAX_TARGETS / 2) this.forget(target, now);
        continue;
      }
      if (!this.owner.wants(target)) continue;
      const dueAt = Math.max(target.notBefore, this.owner.yieldsUntil(target));
      if (dueAt > now) nextAt = Math.min(nextAt, dueAt);
      else due.push(target);
    }
    // Who waited longest goes first: many that never answer would otherwise take every slot again, and the rest none.
    due.sort((one, other) => one.notBefore - other.notBefore);
    const strangers = new Set(due.filter((target) => this.owner.isStranger(target)));
    for (const target of [...due.filter((one) => !strangers.has(one)), ...strangers]) {
      if (this.inFlight >= MAX_DIALS_IN_FLIGHT) break;
      if (strangers.has(target) && this.strangersInFlight >= MAX_STRANGERS_IN_FLIGHT) break;
      // Another address of the same peer may be under way by now.
      if (this.owner.wants(target)) this.dial(target);
    }
    // When all slots are taken, the end of any dial reconciles again.
    if (nextAt < Number.POSITIVE_INFINITY) this.timer = this.clock.after(nextAt - now, () => this.reconcile());
  }

  private forget({ key, notBefore }: DialTarget, now: number): void {
    this.targets.delete(key);
    if (notBefore <= now) return;
    if (this.spared.size >= MAX_TARGETS) this.spared.delete(this.spared.keys().next().value!);
    this.spared.set(key, notBefore);
  }

  /** The link that came of a dial is bound. */
  noteLinked(target: DialTarget): void {
    target.outcome = 'linked';
    target.failure = undefined;
    target.detail = undefined;
  }

  /** The link stood long enough to believe in it. */
  noteSteady(target: DialTarget): void {
    target.attempts = 0;
  }

  /** A dial that led to nothing, at any stage: the next one waits. */
  noteFailure(target: DialTarget, outcome: DialOutcome, detail?: string): void {
    const now = this.clock.now();
    target.outcome = outcome;
    target.failure = outcome;
    target.detail = detail;
    if (PROVEN_EMPTY.has(outcome)) target.knownAt = now;
    target.attempts++;
    target.notBefore = now + backoffMs(target.attempts, this.limitsOf(target), this.random.next());
  }

  private limitsOf(target: DialTarget): BackoffLimits {
    if (REJECTIONS.has(target.outcome)) return RETRY_REJECTED;
    const isForeign = this.owner.isStranger(target) || target.attempts > MAX_UNPROVEN_BY_MEMBER;
    if (UNPROVEN.has(target.outcome) && isForeign) return RETRY_STRANGER;
    if (target.outcome === 'reset') return RETRY_RESET;
    return this.owner.suspectTimeoutMs(target) === undefined ? RETRY : RETRY_SUSPECT;
  }

  /** A link at this address broke, or lost against another: dial at once if one is wanted. */
  noteEnded(target: DialTarget, outcome: 'closed' | 'duplicate-link'): void {
    target.outcome = outcome;
    target.knownAt = this.clock.now();
    target.notBefore = 0;
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const dial of this.cancels) dial.cancel();
    this.cancels.clear();
  }

  private dial(target: DialTarget): void {
    target.isDialling = true;
    this.owner.onDialling(target);
    // What was proven stays so while it is tried again.
    if (!PROVEN_EMPTY.has(target.outcome)) target.outcome = 'dialling';
    const isStranger = this.owner.isStranger(target);
    this.inFlight++;
    if (isStranger) this.strangersInFlight++;
    let handle: { cancel(): void } | undefined;
    const settle = (): void => {
      if (handle !== undefined) this.cancels.delete(handle);
      target.isDialling = false;
      this.inFlight--;
      if (isStranger) this.strangersInFlight--;
    };
    const fail = (kind: DialFailureKind, message: string): void => {
      settle();
      this.noteFailure(target, kind, message);
      this.owner.onDialFailed(target, kind, message);
    };
    try {
      handle = this.transport.dial(
        target.address,
        (connection) => {
          settle();
          this.owner.onConnection(connection, target);
          this.reconcile();
        },
        ({ kind, message }) => {
          fail(kind, message);
          this.reconcile();
        },
        this.owner.suspectTimeoutMs(target),
        !isStranger,
      );
    } catch (error) {
      // An address that cannot even be tried is one that cannot be reached, and no reason to stop.
      return fail('unreachable', describeError(error));
    }
    this.cancels.add(handle);
  }
}
