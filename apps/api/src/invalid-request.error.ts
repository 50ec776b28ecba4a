/** A request that cannot be carried out as it is; `problems` says all that is wrong, one sentence each. */
export class InvalidRequestError extends Error {
  constructor(
    readonly problems: readonly string[],
    readonly code: 'FLAGS_INVALID_REQUEST' | 'PRICING_INVALID_REQUEST' = 'FLAGS_INVALID_REQUEST',
  ) {
    super(problems.join('; '));
    this.name = 'InvalidRequestError';
  }
}
