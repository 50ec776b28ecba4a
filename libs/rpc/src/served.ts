/** What a node answers, by key: one letter for the kind, and the pattern. */
import { ClusterError, MAX_SERVED_KEY_BYTES } from '@rookery/mesh';
import { describeValue } from '@rookery/runtime';
import type { ServedKind } from './call.js';

const MARKS: Readonly<Record<ServedKind, string>> = { call: '?', event: '!' };

export function keyOf(kind: ServedKind, pattern: string): string {
  return MARKS[kind] + pattern;
}

/** Such patterns are Nest's, and only its clients and decorators turn them into texts. */
const OBJECT_PATTERN = ` The text of a pattern that is an object in Nest is its JSON, with sorted keys: '{"cmd":"sum"}'.`;

/**
 * Checks a pattern to serve or to call.
 * @throws ClusterError `CLUSTER_INVALID_PATTERN`
 */
export function checkCallPattern(pattern: unknown): asserts pattern is string {
  if (typeof pattern !== 'string' || pattern === '') {
    throw new ClusterError(
      'CLUSTER_INVALID_PATTERN',
      `A pattern is a text such as 'flags.get', not ${describeValue(pattern)}.${typeof pattern === 'object' && pattern !== null ? OBJECT_PATTERN : ''}`,
    );
  }
  if (Buffer.byteLength(pattern) >= MAX_SERVED_KEY_BYTES) {
    throw new ClusterError(
      'CLUSTER_INVALID_PATTERN',
      `The pattern '${pattern.slice(0, 40)}...' is longer than ${MAX_SERVED_KEY_BYTES - 1} bytes. Put data into the data of the call.`,
    );
  }
}
