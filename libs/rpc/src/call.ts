/** What a call is: what its caller may choose, what its handler is told, and how it ends. */
import type { Member } from '@rookery/mesh';
import type { ClusterCallError } from './errors.js';

/** Which of the members that serve a pattern is asked. */
export interface Route {
  /** This member: one of `cluster.members()`, its incarnation, or its name (if several have it, any of those). */
  readonly to?: Member | string;
  /** The same key goes to the same member, as long as that one serves the pattern (rendezvous hashing over names). */
  readonly key?: string;
  /** Members whose metadata has these values, such as `{ zone: 'eu-1' }`. */
  readonly where?: Readonly<Record<string, unknown>>;
  /** `local`: this node itself, if it serves the pattern. @default no preference: the one with the fewest calls in flight */
  readonly prefer?: 'local';
}

export interface CallOptions extends Route {
  /** When to give up, in milliseconds. The time that is left travels with the request. @default 5000 */
  readonly timeoutMs?: number;
  /**
   * The handler may run twice without harm: when the member is lost during the call, another one is asked, as long as
   * there is time and the budget for retries (a tenth of all calls, 10 a second at least) is not used up. @default false
   */
  readonly idempotent?: boolean;
  /** Ends the call on both sides; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Travels beside the data, for tracing and the like: up to 1 KiB, of the same kinds of values. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What became of a call on one member. */
export type CallOutcome<T = unknown> =
  | { readonly member: Member; readonly value: T; readonly error?: undefined }
  | { readonly member: Member; readonly error: ClusterCallError; readonly value?: undefined };

/** What a handler is told beside the data. */
export interface CallContext {
  readonly pattern: string;
  /** Who asks. */
  readonly from: Member;
  /** What the caller sent beside the data. */
  readonly metadata: Readonly<Record<string, unknown>> | undefined;
  /** Milliseconds until the caller gives up, 0 when it did; infinite for a stream without a deadline. */
  readonly remainingMs: number;
  /** Aborts when nobody waits for the answer any more: cancelled, too late, or the caller is gone. */
  readonly signal: AbortSignal;
}

/** Answers one call. A promise is awaited; an async iterable is a stream, and is asked for more only as the caller keeps up. */
export type CallHandler<D = unknown, R = unknown> = (
  data: D,
  context: CallContext,
) => R | Promise<R> | AsyncIterable<R>;

/** `call`: one member answers. `event`: one member hears it; answered when its handler is done. */
export type ServedKind = 'call' | 'event';

/** How a responder answers, value by value. After `complete` or `fail`, and once the call ended otherwise, all of it is ignored. */
export interface Reply {
  /** Whether anybody still waits. */
  readonly isOpen: boolean;
  /**
   * One value of a stream. Returns false when the caller does not keep up: what is sent then waits here, up to a bound
   * (1 MiB), and more ends the stream; await {@link writable} instead.
   */
  next(value: unknown): boolean;
  /** Resolves when the next value can leave at once, or when the call is over. */
  writable(): Promise<void>;
  /** The last value, and the end. */
  complete(value: unknown): void;
  /** The end, without another value. */
  end(): void;
  /** The call failed; `payload` arrives as it is. */
  fail(payload: unknown): void;
  /** Calls `fn` when the call ends before it was answered: cancelled, too late, or the caller is gone. */
  onAbort(fn: () => void): void;
}

/** Serves calls at the lowest level; must not throw. */
export type Responder = (data: unknown, context: CallContext, reply: Reply) => void;

/** Hears one call. Exactly one of `complete` and `error` ends it; neither follows a cancellation. */
export interface CallObserver {
  /** Whether it says itself, by {@link OpenCall.grant}, when it is done with a value. @default it is done when `next` returns */
  readonly isPulling?: boolean;
  /** Whether it waits for the last value alone: without `timeoutMs`, that has to come within 5 s then, and not the first one. */
  readonly isForLast?: boolean;
  /** `bytes`: what to grant for it. */
  next(value: unknown, from: Member, bytes: number): void;
  complete(): void;
  error(error: ClusterCallError): void;
}

export interface OpenCall {
  /** Nobody waits for the answer any more: the other side is told. */
  cancel(): void;
  /** A pulling observer is done with `bytes` of the stream. */
  grant(bytes: number): void;
}
