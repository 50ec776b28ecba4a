/** What comes after a watch that ended or an attempt that failed: resume or list again, and when. Pure. */
import type { KubernetesFailure } from './kubernetes-failure.js';

/** A watch that was open for so long ran well: what follows is no repetition of what was before. */
export const STEADY_WATCH_MS = 5_000;

/** For what passes by itself: a broken connection, a server that restarts or is busy. */
const TRANSIENT = { baseMs: 100, capMs: 5_000 };
/** For what a person must mend: permissions, the token, the certificate. */
const REFUSED = { baseMs: 1_000, capMs: 15_000 };
/** So many watches in a row come to nothing before everything is listed again. */
const WATCHES_BEFORE_LIST = 2;
/** As long as a server may ask for with `Retry-After`. */
const MAX_RETRY_AFTER_MS = 30_000;

/** How an attempt went. */
export interface Attempt {
  /** Undefined when the server ended the watch, as it does after the time that it was given. */
  readonly failure: KubernetesFailure | undefined;
  /** How long the watch was open; 0 when it never was. */
  readonly openMs: number;
  /** Attempts in a row before this one that came to nothing. */
  readonly failures: number;
}

/** What to do next. */
export interface NextAttempt {
  readonly failures: number;
  readonly delayMs: number;
  /** Whether the version that is known is of no use. */
  readonly listsAgain: boolean;
}

/**
 * - A watch that ended in its time is resumed at once, from the last version.
 * - One that broke is resumed from there as well, after a pause with full jitter: anywhere between nothing and a bound that
 *   doubles, so that many nodes do not come back to a server in step.
 * - Where the version is too old, or the answer cannot be made out, everything is listed again: at once, but a second time
 *   in a row after a pause, or a server that always says so would be asked without end.
 * - Where watches come to nothing again and again, everything is listed in between: something on the way may let lists
 *   through and no watch, such as a proxy that waits for the end of an answer.
 *
 * @param random in [0, 1)
 */
export function nextAttempt({ failure, openMs, failures }: Attempt, random: number): NextAttempt {
  const before = openMs >= STEADY_WATCH_MS ? 0 : failures;
  if (failure === undefined && openMs >= STEADY_WATCH_MS) return { failures: 0, delayMs: 0, listsAgain: false };
  const kind = failure?.kind;
  const isUnreadable = kind === 'gone' || kind === 'malformed';
  const delayMs = isUnreadable && before === 0 ? 0 : pauseMs(failure, before + 1, random);
  const isOfNoUse = failure !== undefined && !keepsVersion(failure);
  return { failures: before + 1, delayMs, listsAgain: isOfNoUse || (before + 1) % WATCHES_BEFORE_LIST === 0 };
}

/** Whether the failure says nothing against the version: the server was not asked, or had no time. */
function keepsVersion({ kind, status = 0 }: KubernetesFailure): boolean {
  if (kind === 'status') return status === 429 || status === 401 || (status >= 500 && status !== 504);
  return kind === 'unreachable' || kind === 'untrusted' || kind === 'credentials';
}

function pauseMs(failure: KubernetesFailure | undefined, attempt: number, random: number): number {
  const { baseMs, capMs } = failure !== undefined && needsPerson(failure) ? REFUSED : TRANSIENT;
  const bound = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 20));
  return Math.max(bound * random, Math.min(failure?.retryAfterMs ?? 0, MAX_RETRY_AFTER_MS));
}

function needsPerson({ kind, status = 0 }: KubernetesFailure): boolean {
  if (kind === 'status') return status >= 400 && status < 500 && status !== 408 && status !== 429;
  return kind === 'untrusted' || kind === 'credentials' || kind === 'too-many';
}
