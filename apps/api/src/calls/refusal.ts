/** What a member that asked is told when its call cannot be answered: a stable code, the reason, and who says so. Pure. */
import { FlagsError } from '@rookery/feature-flags';
import { InvalidRequestError } from '../invalid-request.error.js';

export interface Refusal {
  /** Stable: match on it, never on the message. */
  readonly code: string;
  readonly message: string;
  /** All that is wrong with what was asked, one sentence each. */
  readonly problems?: readonly string[];
  readonly answeredBy: string;
}

/** Undefined for an error that nobody outside shall read. */
export function refusalOf(error: unknown, answeredBy: string): Refusal | undefined {
  if (error instanceof InvalidRequestError) {
    return { code: error.code, message: error.message, problems: error.problems, answeredBy };
  }
  // Its message names the host of the database: the one who runs this finds it in the log.
  if (error instanceof FlagsError)
    return { code: error.code, message: 'The flags cannot be read right now.', answeredBy };
  return undefined;
}
