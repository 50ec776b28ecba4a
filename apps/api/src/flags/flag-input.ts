/** Checks what a request says about a flag, and names everything that is wrong with it at once. Pure. */
import type { FlagInput } from '@rookery/feature-flags';
import { InvalidRequestError } from '../invalid-request.error.js';

const KEY_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;
const MAX_DESCRIPTION_LENGTH = 200;
const PROPERTIES = ['enabled', 'description'];

/** @throws {@link InvalidRequestError} */
export function parseKey(key: string): string {
  const problems = problemsOfKey(key);
  if (problems.length > 0) throw new InvalidRequestError(problems);
  return key;
}

/** @throws {@link InvalidRequestError} about the key and the body together */
export function parseFlag(key: string, body: unknown): FlagInput {
  const problems = [...problemsOfKey(key), ...problemsOfBody(body)];
  if (problems.length > 0) throw new InvalidRequestError(problems);
  const { enabled, description } = body as FlagInput;
  return description === undefined ? { enabled } : { enabled, description };
}

/** Empty for a key that can be one. */
export function problemsOfKey(key: unknown): string[] {
  if (typeof key === 'string' && KEY_PATTERN.test(key)) return [];
  return ['the key must be 1 to 64 characters of a-z, 0-9, ".", "_" and "-", and begin with a letter or a digit'];
}

function problemsOfBody(body: unknown): string[] {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return ['the body must be a JSON object such as { "enabled": true }, sent as application/json'];
  }
  const { enabled, description } = body as Record<string, unknown>;
  const problems: string[] = [];
  if (typeof enabled !== 'boolean') problems.push('"enabled" must be true or false');
  if (description !== undefined) {
    if (typeof description !== 'string') problems.push('"description" must be a text');
    else if (description.length > MAX_DESCRIPTION_LENGTH) {
      problems.push(`"description" must not be longer than ${MAX_DESCRIPTION_LENGTH} characters`);
    } else if (description.includes('\0')) problems.push('"description" must not contain a zero character'); // Postgres cannot keep one
  }
  const unknown = Object.keys(body).filter((name) => !PROPERTIES.includes(name));
  if (unknown.length > 0) problems.push(`only "enabled" and "description" can be set, not ${quoted(unknown)}`);
  return problems;
}

/** Foreign names, at most a few and cut short. */
function quoted(names: string[]): string {
  const shown = names.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 32)));
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ');
}
