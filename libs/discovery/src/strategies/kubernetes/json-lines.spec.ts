import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonLines, JsonLinesError } from './json-lines.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('JsonLines', () => {
  it('gives a value once its line is complete', () => {
    const lines = new JsonLines(100);
    expect(lines.push(bytes('{"a":1}\n{"b'))).toEqual([{ a: 1 }]);
    expect(lines.push(bytes('":2'))).toEqual([]);
    expect(lines.push(bytes('}\n\r\n\n3\n'))).toEqual([{ b: 2 }, 3]);
  });

  it('gives the same values wherever the chunks end, characters of several bytes included', () => {
    const values = fc.array(fc.jsonValue({ maxDepth: 2 }), { maxLength: 8 });
    fc.assert(
      fc.property(values, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (sent, sizes) => {
        const stream = bytes(sent.map((value) => `${JSON.stringify({ text: 'äöü – 🐦', value })}\n`).join(''));
        const lines = new JsonLines(1_000_000);
        const got: unknown[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          got.push(...lines.push(stream.subarray(at, at + size)));
          at += size;
        }
        // -0 is 0 in JSON.
        expect(got).toEqual(sent.map((value) => JSON.parse(JSON.stringify({ text: 'äöü – 🐦', value }))));
      }),
    );
  });

  it('refuses a line that is no JSON, and does not repeat it', () => {
    const refused = (): unknown => new JsonLines(100).push(bytes('{"secret":\n'));
    expect(refused).toThrow(JsonLinesError);
    expect(refused).not.toThrow(/secret/);
  });

  it('refuses a line that is too long before its end has come', () => {
    const lines = new JsonLines(10);
    expect(lines.push(bytes('"12345678"\n'))).toEqual(['12345678']);
    lines.push(bytes('"1234567'));
    expect(() => lines.push(bytes('890'))).toThrow('longer than 10 bytes');
  });
});
