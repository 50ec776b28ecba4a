/** Every error of discovery, on one page. Catch by `code`, which never changes; the message is for people. */

/**
 * What went wrong.
 * - `DISCOVERY_INVALID_OPTIONS`: options that cannot work; thrown by the factory, see {@link DiscoveryOptionsError}.
 * - `DISCOVERY_LOOKUP_FAILED`: the name servers, or the API of Kubernetes, gave no usable answer, so who is there is
 *   unknown.
 * - `DISCOVERY_DIRECTORY_UNSAFE`: the directory of `local()` could be written by somebody else.
 * - `DISCOVERY_DIRECTORY_UNUSABLE`: the directory of `local()` cannot be made, read or written.
 * - `DISCOVERY_NOT_STARTED`: a strategy was asked before it was started.
 * - `DISCOVERY_IN_USE`: one strategy object was given to two nodes.
 * - `DISCOVERY_FILE_UNREADABLE`: the file of `file()` is missing, too large, or may not be read.
 * - `DISCOVERY_FILE_INVALID`: what the file of `file()` holds is no list of peers, or only half of one.
 * - `DISCOVERY_MULTICAST_FAILED`: `multicast()` can neither send nor hear.
 * - `DISCOVERY_REDIS_FAILED`: the Redis of `redis()` does not answer, or refuses.
 */
export type DiscoveryErrorCode =
  | 'DISCOVERY_INVALID_OPTIONS'
  | 'DISCOVERY_LOOKUP_FAILED'
  | 'DISCOVERY_DIRECTORY_UNSAFE'
  | 'DISCOVERY_DIRECTORY_UNUSABLE'
  | 'DISCOVERY_NOT_STARTED'
  | 'DISCOVERY_IN_USE'
  | 'DISCOVERY_FILE_UNREADABLE'
  | 'DISCOVERY_FILE_INVALID'
  | 'DISCOVERY_MULTICAST_FAILED'
  | 'DISCOVERY_REDIS_FAILED';

/**
 * The base of all errors of this library. The message says what happened, with what, and how to mend it; `cause` holds
 * the error of the system or of the resolver behind it.
 */
export class DiscoveryError extends Error {
  override readonly name: string = 'DiscoveryError';
  readonly code: DiscoveryErrorCode;

  constructor(code: DiscoveryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Options that cannot work, with all their problems at once. Thrown when the strategy is made, before anything starts. */
export class DiscoveryOptionsError extends DiscoveryError {
  override readonly name = 'DiscoveryOptionsError';
  /** One sentence each, beginning with the option's name. */
  readonly problems: readonly string[];

  /** @param factory - what refuses the options, such as `dns()`; opens the message. */
  constructor(factory: string, problems: readonly string[], options?: ErrorOptions) {
    super('DISCOVERY_INVALID_OPTIONS', describe(factory, problems), options);
    this.problems = problems;
  }
}

function describe(factory: string, problems: readonly string[]): string {
  if (problems.length === 1) return `${factory}: ${problems[0]}.`;
  return `${factory}: ${problems.length} problems with the options:${problems.map((problem) => `\n  - ${problem}`).join('')}`;
}
