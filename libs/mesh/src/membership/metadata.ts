/** What a member tells of itself: small, plain and never changed, for every member passes it on. */

/** Up to 1 KiB that a node tells about itself: text, numbers, booleans, `null`, lists and plain objects. */
export type MemberMetadata = Readonly<Record<string, unknown>>;

/** Levels of lists and objects, the metadata itself being the first. */
export const MAX_METADATA_LEVELS = 16;

/** What is wrong with metadata, and where; undefined if nothing is. */
export function metadataProblem(value: unknown, path = 'metadata', level = 1): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (level > MAX_METADATA_LEVELS) return `${path}: is nested deeper than ${MAX_METADATA_LEVELS} levels.`;
  if (Array.isArray(value)) return firstProblem(value.entries(), path, level);
  if (isPlain(value)) return firstProblem(Object.entries(value), path, level);
  return `${path}: only text, numbers, booleans, null, lists and plain objects are allowed.`;
}

function firstProblem(
  entries: Iterable<readonly [string | number, unknown]>,
  path: string,
  level: number,
): string | undefined {
  for (const [key, value] of entries) {
    const problem = metadataProblem(value, `${path}.${key}`, level + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Roughly how many bytes metadata takes that has no problem: enough to tell what is far too large. */
export function metadataSize(value: unknown): number {
  if (typeof value === 'string') return 1 + value.length;
  if (typeof value !== 'object' || value === null) return 1;
  let size = 1;
  for (const [key, each] of Object.entries(value)) size += key.length + metadataSize(each);
  return size;
}

/** The same metadata, of which no part can be changed any more. */
export function frozen(metadata: MemberMetadata): MemberMetadata {
  for (const value of Object.values(metadata)) {
    if (typeof value === 'object' && value !== null) frozen(value as MemberMetadata);
  }
  return Object.freeze(metadata);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
