/** Checks what a member asks of the history of a flag. Pure. */
import { type FlagHistoryRequest, MAX_CHANGES_PER_KEY } from '@rookery/feature-flags';
import { InvalidRequestError } from '../invalid-request.error.js';
import { problemsOfKey } from './flag-input.js';

/** @throws {@link InvalidRequestError} naming every problem */
export function parseHistoryRequest(data: unknown): FlagHistoryRequest {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw new InvalidRequestError(['what is asked must be an object such as { key: "dark-mode", limit: 20 }']);
  }
  const { key, limit } = data as Record<string, unknown>;
  const problems = problemsOfKey(key);
  if (limit !== undefined && !isCount(limit)) {
    problems.push(`"limit" must be a whole number from 1 to ${MAX_CHANGES_PER_KEY}`);
  }
  if (problems.length > 0) throw new InvalidRequestError(problems);
  return { key: key as string, ...(limit !== undefined && { limit: limit as number }) };
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MAX_CHANGES_PER_KEY;
}
