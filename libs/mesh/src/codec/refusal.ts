/** Why a value cannot travel, and where in the payload it is. */
import { ClusterError } from '../errors.js';

const SHOWN_STEPS = 8;
const SHOWN_KEY = 64;

/** Thrown while a value is written; each level on the way out adds its step. Becomes a {@link ClusterError} at the edge. */
export class Refused extends Error {
  readonly path: (string | number)[] = [];
  /** @param what the end of a sentence that begins with "The payload.a.b is" */
  constructor(
    readonly what: string,
    cause?: unknown,
  ) {
    super(what, { cause });
  }
}

/** What was thrown while something was written, as a refusal: getters, `toJSON` and the traps of proxies are not ours. */
export function asRefused(error: unknown): Refused {
  return error instanceof Refused ? error : new Refused('not to be read: it threw the cause of this error', error);
}

/** A key that cannot travel has no path of its own. */
export function refusedKey(error: unknown): Refused {
  return error instanceof Refused ? new Refused(`an object with a key that is ${error.what}`) : asRefused(error);
}

/** The error that the publisher gets. */
export function invalidPayload({ path, what, cause }: Refused): ClusterError {
  const shown = path.slice(0, SHOWN_STEPS).map(shownStep).join('');
  const where = `payload${shown}${path.length > SHOWN_STEPS ? '...' : ''}`;
  return new ClusterError(
    'CLUSTER_INVALID_PAYLOAD',
    `The ${where} is ${what}, which cannot travel to another process. ` +
      'Publish plain data: JSON-like values, Date, Buffer, typed arrays, BigInt, Set, Map, Error.',
    cause === undefined ? undefined : { cause },
  );
}

function shownStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`;
  if (/^[\p{L}\p{N}_$]+$/u.test(step) && step.length <= SHOWN_KEY) return `.${step}`;
  return `[${JSON.stringify(step.slice(0, SHOWN_KEY))}]`;
}
