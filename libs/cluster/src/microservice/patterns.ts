/** Names of events on the mesh for the patterns of Nest, which may be objects. */

/** What an object pattern may contain, and a topic must not: see `checkSegments` of pubsub. A dot would part it. */
// eslint-disable-next-line no-control-regex -- these are what is replaced
const REFUSED = /[\s\u0000-\u001f\u007f%*>.]/g;

/**
 * The topic of an event pattern, given as Nest normalises it: text as it is, so that `publish` and `@OnClusterEvent` mean the
 * same; of an object, what a topic may not contain is percent-encoded.
 */
export function topicOf(pattern: string): string {
  return isObjectPattern(pattern) ? pattern.replace(REFUSED, percentEncoded) : pattern;
}

/** Whether Nest made it of an object: `{"cmd":"sum"}`. */
export function isObjectPattern(pattern: string): boolean {
  return pattern.startsWith('{');
}

/** Whether it stands for many topics, as `flag.*` and `flag.>` do. */
export function hasWildcard(topic: string): boolean {
  return topic.split('.').some((segment) => segment === '*' || segment === '>');
}

function percentEncoded(character: string): string {
  const encoded = encodeURIComponent(character);
  // Dots and stars mean nothing in a URL, and are left alone there.
  return encoded === character ? `%${character.charCodeAt(0).toString(16).toUpperCase()}` : encoded;
}
