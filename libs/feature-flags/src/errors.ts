/** Every error of the flags and its code, on one page. */

/** Stable codes: match on these, never on messages. */
export type FlagsErrorCode =
  | 'FLAGS_INVALID_OPTIONS'
  | 'FLAGS_INVALID_EVENT'
  | 'FLAGS_DATABASE_UNAVAILABLE'
  | 'FLAGS_NOT_LOADED'
  | 'FLAGS_NOT_READ'
  | 'FLAGS_NOT_FOUND'
  | 'FLAGS_LIMIT_REACHED';

/** An error of the flags: a stable `code`, and a message that says what happened and how to mend it. */
export class FlagsError extends Error {
  constructor(
    readonly code: FlagsErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'FlagsError';
  }
}

/**
 * What became of a statement that failed. `refused`: it surely changed nothing. `unknown`: the answer got lost on
 * its way, the change may be in the database all the same.
 */
export type StatementOutcome = 'refused' | 'unknown';

/** The database could not be opened, or did not answer as it should. Worth trying again later. */
export class FlagsDatabaseError extends FlagsError {
  constructor(
    message: string,
    readonly outcome: StatementOutcome,
    cause: unknown,
  ) {
    super('FLAGS_DATABASE_UNAVAILABLE', message, { cause });
    this.name = 'FlagsDatabaseError';
  }
}
