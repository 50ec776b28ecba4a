/** Topic names and patterns: segments parted by dots; `*` stands for one segment, `>` at the end for one or more. Pure. */
import { toUSVString } from 'node:util';
import { ClusterError, MAX_TOPIC_BYTES } from '@rookery/mesh';

const SEPARATOR = '.';
const ONE = '*';
const REST = '>';

/**
 * Checks a topic to publish to, and returns its bytes.
 * @throws ClusterError `CLUSTER_INVALID_TOPIC`
 */
export function encodeTopic(topic: string): Buffer {
  checkSegments(topic, 'topic');
  if (topic.split(SEPARATOR).some((segment) => segment === ONE || segment === REST)) {
    throw invalid(topic, 'is a pattern: wildcards are for subscribing. Publish to one topic by its full name');
  }
  return Buffer.from(topic);
}

/**
 * Checks a pattern to subscribe to.
 * @throws ClusterError `CLUSTER_INVALID_TOPIC`
 */
export function checkPattern(pattern: string): void {
  checkSegments(pattern, 'pattern');
  const rest = pattern.split(SEPARATOR).indexOf(REST);
  if (rest >= 0 && rest !== pattern.split(SEPARATOR).length - 1) {
    throw invalid(pattern, `has '>' before its end. '>' stands for all remaining segments; use '*' for one`);
  }
}

function checkSegments(topic: unknown, what: string): asserts topic is string {
  if (typeof topic !== 'string')
    throw invalid(String(topic), `is no string. Give the ${what} as text, such as 'flag.changed'`);
  if (topic === '') throw invalid(topic, `is empty. Give the ${what} a name, such as 'flag.changed'`);
  // In UTF-8 it would be another topic: no pattern of the same text would match.
  if (toUSVString(topic) !== topic) {
    throw invalid(toUSVString(topic), 'has half of a surrogate pair. Cut text between characters, not inside of one');
  }
  if (Buffer.byteLength(topic) > MAX_TOPIC_BYTES) {
    throw invalid(`${topic.slice(0, 40)}...`, `is longer than ${MAX_TOPIC_BYTES} bytes. Put data into the payload`);
  }
  for (const segment of topic.split(SEPARATOR)) {
    if (segment === '')
      throw invalid(topic, 'has an empty segment. Remove the dot at its start, its end, or the doubled one');
    if (segment.length > 1 && /[*>]/.test(segment)) {
      throw invalid(topic, `has a wildcard inside the segment '${segment}'. A wildcard stands for whole segments`);
    }
    // eslint-disable-next-line no-control-regex -- these are what is refused
    if (/[\s\u0000-\u001f\u007f]/.test(segment)) throw invalid(topic, 'has white space or control characters');
  }
}

function invalid(topic: string, what: string): ClusterError {
  return new ClusterError('CLUSTER_INVALID_TOPIC', `The topic '${topic}' ${what}.`);
}

/** Whether `topic` falls under `pattern`. */
export function matches(pattern: string, topic: string): boolean {
  if (pattern === topic) return true;
  if (!pattern.includes(ONE) && !pattern.includes(REST)) return false;
  return overlaps(pattern, topic);
}

/** Whether some topic falls under both patterns. */
export function overlaps(a: string, b: string): boolean {
  const left = a.split(SEPARATOR);
  const right = b.split(SEPARATOR);
  for (let i = 0; ; i++) {
    const l = left[i];
    const r = right[i];
    if (l === undefined || r === undefined) return l === r;
    if (l === REST || r === REST) return true;
    if (l !== r && l !== ONE && r !== ONE) return false;
  }
}
