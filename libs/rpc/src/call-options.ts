/** Checks of what a caller chose, all problems at once. */
import { closest } from 'rookery/discovery';
import { ClusterOptionsError } from '@rookery/mesh';
import { delayProblem } from '@rookery/runtime';
import type { CallOptions } from './call.js';

const NAMES: readonly (keyof CallOptions)[] = [
  'to',
  'key',
  'where',
  'prefer',
  'timeoutMs',
  'idempotent',
  'signal',
  'metadata',
];

/**
 * @param subject whose options they are
 * @throws ClusterOptionsError naming every problem
 */
export function checkCallOptions(options: CallOptions, subject = 'The call'): void {
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ClusterOptionsError(['options: must be an object such as { timeoutMs: 500 }.'], subject);
  }
  const { to, key, where, prefer, timeoutMs, idempotent, signal, metadata } = options as Record<
    keyof CallOptions,
    unknown
  >;
  const problems: string[] = [];
  for (const name of Object.keys(given)) {
    if ((NAMES as readonly string[]).includes(name)) continue;
    const suggestion = closest(name, NAMES);
    problems.push(
      `${name}: unknown option. ${suggestion === undefined ? `Known are: ${NAMES.join(', ')}.` : `Did you mean '${suggestion}'?`}`,
    );
  }
  if (to !== undefined && !(typeof to === 'string' && to !== '') && !isMember(to)) {
    problems.push('to: must be a member, its incarnation, or its name.');
  }
  if (key !== undefined && typeof key !== 'string') problems.push('key: must be a text.');
  if (where !== undefined && !isPlain(where)) problems.push("where: must be an object such as { zone: 'eu-1' }.");
  if (prefer !== undefined && prefer !== 'local') problems.push("prefer: must be 'local', or left out.");
  if (timeoutMs !== undefined) {
    const problem = delayProblem('timeoutMs', timeoutMs);
    if (problem !== undefined) problems.push(problem);
  }
  if (idempotent !== undefined && typeof idempotent !== 'boolean') problems.push('idempotent: must be true or false.');
  if (signal !== undefined && !(signal instanceof AbortSignal)) problems.push('signal: must be an AbortSignal.');
  if (metadata !== undefined && !isPlain(metadata)) problems.push('metadata: must be an object.');
  if (problems.length > 0) throw new ClusterOptionsError(problems, subject);
}

function isMember(value: unknown): boolean {
  return isPlain(value) && typeof value['incarnation'] === 'string';
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
