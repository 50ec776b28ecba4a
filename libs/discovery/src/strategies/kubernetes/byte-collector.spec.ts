import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ByteCollector } from './byte-collector.js';

describe('ByteCollector', () => {
  it('gives back what came in pieces, and begins anew', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 200 }), (pieces) => {
        const collector = new ByteCollector(1_000_000);
        for (const piece of pieces) expect(collector.add(Buffer.from(piece, 'utf8'))).toBe(true);
        expect(collector.take()).toBe(pieces.join(''));
        expect(collector.length).toBe(0);
        expect(collector.take()).toBe('');
      }),
    );
  });

  it('takes as much as it may, and not a byte more', () => {
    const collector = new ByteCollector(10_000);
    for (let byte = 0; byte < 10_000; byte++) expect(collector.add(Buffer.from('x'))).toBe(true);
    expect(collector.add(Buffer.from('y'))).toBe(false);
    expect(collector.take()).toBe('x'.repeat(10_000));
  });

  it('does not change what it was given', () => {
    const collector = new ByteCollector(100);
    const piece = Buffer.from('abc');
    collector.add(piece);
    piece.fill('z');
    expect(collector.take()).toBe('abc');
  });
});
