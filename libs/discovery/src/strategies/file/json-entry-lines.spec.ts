import { describe, expect, it } from '@jest/globals';
import { commaWithoutEntry, jsonEntryLines, lineAt } from './json-entry-lines.js';

describe('jsonEntryLines', () => {
  it.each([
    ['[]', []],
    ['[1, 2]', [1, 1]],
    ['[\n  "a",\n\n  { "host": ["x",\n 1] }, 7,\n  [1,\n 2]\n]', [2, 4, 5, 6]],
    ['{ "peers": [\n "a",\n "b" ] }', [2, 3]],
    ['{ "other": [1,\n 2], "peers":\n [\n {},\n {} ], "more": [3] }', [4, 5]],
    ['{ "inner": { "peers": [1,\n 2] }, "peers": [\n3] }', [3]],
    ['{ "peers": [1, 2], "peers": [\n 3] }', [2]],
    ['["\\"]\\n,[",\n "\\\\",\n null]', [1, 2, 3]],
  ])('finds the entries of %j', (text, lines) => {
    expect(() => JSON.parse(text) as unknown).not.toThrow();
    expect(jsonEntryLines(text)).toEqual(lines);
  });

  it('bears a text as long as a file may be', () => {
    const text = JSON.stringify(['x'.repeat(500_000), '\\"'.repeat(100_000), ...Array<number>(50_000).fill(7)]);
    expect(jsonEntryLines(text)).toHaveLength(50_002);
  });

  it('takes not much longer for one long line than for many', () => {
    const tookMs = (separator: string): number => {
      const text = JSON.stringify(Array<number>(200_000).fill(7)).replaceAll(',', separator);
      const startedAt = performance.now();
      expect(jsonEntryLines(text)).toHaveLength(200_000);
      return performance.now() - startedAt;
    };
    expect(tookMs(',')).toBeLessThan(10 * tookMs(',\n'));
  });
});

it.each([
  ['["a", ]', 6],
  ['[1,,2]', 3],
  ['{ "a": 1,\n}', 10],
  ['[",]", "\\",]" , x]', undefined],
])('commaWithoutEntry finds in %j %p', (text, position) => {
  expect(commaWithoutEntry(text)).toBe(position);
});

it('lineAt counts the ends of lines before a position', () => {
  expect([0, 1, 2, 3, 99].map((position) => lineAt('a\nb\n', position))).toEqual([1, 1, 2, 2, 3]);
});
