/** Why a call came to nothing, whatever it failed with. Pure. */
import { ClusterCallError } from 'rookery';

export interface CallFailure {
  /** A code of `ClusterCallError`, or the one that the handler gave. */
  readonly code: string;
  /** The name of the replica that was asked last, as far as that is known. */
  readonly member: string | null;
}

export function failureOf(error: unknown): CallFailure {
  if (error instanceof ClusterCallError) {
    const { code, member, payload } = error;
    // What a handler refused with says more than that it did.
    if (code === 'FAILED' && codeOf(payload) !== undefined) return failureOf(payload);
    return { code, member: member?.name ?? null };
  }
  const { answeredBy } = Object(error) as { answeredBy?: unknown };
  return { code: codeOf(error) ?? 'FAILED', member: typeof answeredBy === 'string' ? answeredBy : null };
}

function codeOf(value: unknown): string | undefined {
  const { code } = Object(value) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
