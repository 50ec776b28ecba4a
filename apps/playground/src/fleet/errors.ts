/** What the playground refuses to do with a replica or a flag, and why. */

export type FleetErrorCode =
  'UNKNOWN_REPLICA' | 'WRONG_STATE' | 'TOO_MANY_REPLICAS' | 'FLAG_EXISTS' | 'ENDING' | 'INVALID_REQUEST';

export class FleetError extends Error {
  constructor(
    readonly code: FleetErrorCode,
    message: string,
  ) {
    super(message);
    this.name = 'FleetError';
  }
}
