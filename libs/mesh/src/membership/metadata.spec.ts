import { describe, expect, it } from '@jest/globals';
import { frozen, MAX_METADATA_LEVELS, metadataProblem, metadataSize } from './metadata.js';

/** An object in an object, so many levels in all. */
function nested(levels: number): Record<string, unknown> {
  let value: Record<string, unknown> = {};
  for (let level = 1; level < levels; level++) value = { in: value };
  return value;
}

describe('metadata', () => {
  it('is text, numbers, booleans, null, lists and plain objects', () => {
    const plain = { zone: 'eu-1', weight: 1.5, spot: false, parent: null, unset: undefined, tags: ['a', { b: 1 }] };
    expect(metadataProblem(plain)).toBeUndefined();
    expect(metadataProblem({ a: { since: new Date() } })).toBe(
      'metadata.a.since: only text, numbers, booleans, null, lists and plain objects are allowed.',
    );
    expect(metadataProblem({ list: [1, new Map()] })).toContain('metadata.list.1: only text');
    expect(metadataProblem(new Map())).toContain('metadata: only text');
  });

  it('is nested so deep and no deeper', () => {
    expect(metadataProblem(nested(MAX_METADATA_LEVELS))).toBeUndefined();
    expect(metadataProblem(nested(MAX_METADATA_LEVELS + 1))).toMatch(/is nested deeper than 16 levels\.$/);
  });

  it('is measured with everything in it', () => {
    expect(metadataSize({ zone: 'x'.repeat(100), list: ['y'.repeat(50), 7] })).toBeGreaterThan(150);
    expect(metadataSize(Array(5_000).fill(0))).toBeGreaterThan(5_000);
  });

  it('cannot be changed any more at any level', () => {
    const metadata = frozen({ tags: [{ name: 'a' }] }) as { tags: { name: string }[] };
    expect(() => (metadata.tags[0]!.name = 'b')).toThrow(TypeError);
    expect(() => metadata.tags.push({ name: 'c' })).toThrow(TypeError);
  });
});
