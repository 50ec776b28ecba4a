import { describe, expect, it } from '@jest/globals';
import { checkPattern, encodeTopic, matches, overlaps } from './topic.js';

describe('topics', () => {
  it.each([
    ['flag.changed', 'flag.changed', true],
    ['flag.*', 'flag.changed', true],
    ['flag.*', 'flag', false],
    ['flag.*', 'flag.a.b', false],
    ['flag.>', 'flag.a.b', true],
    ['flag.>', 'flag', false],
    ['>', 'anything.at.all', true],
    ['*.changed', 'flag.changed', true],
    ['*', 'a.b', false],
    ['flag.changed', 'flag.changedX', false],
  ])('%p matches %p: %p', (pattern, topic, expected) => {
    expect(matches(pattern, topic)).toBe(expected);
  });

  it.each([
    ['flag.*', 'flag.changed', true],
    ['flag.*', '*.changed', true],
    ['flag.>', '*.*.x', true],
    ['flag.a', 'flag.b', false],
    ['flag.*', 'flag.a.b', false],
  ])('%p overlaps %p: %p, both ways', (a, b, expected) => {
    expect(overlaps(a, b)).toBe(expected);
    expect(overlaps(b, a)).toBe(expected);
  });

  it.each([
    '',
    '.',
    'a..b',
    '.a',
    'a.',
    'a b',
    'a\u0000',
    'x'.repeat(256),
    'flag.*',
    '>',
    'a.b*',
    'a.\ud800',
    '\udc00',
  ])('refuses to publish to %p, with the mend', (topic) => {
    expect(() => encodeTopic(topic)).toThrow(expect.objectContaining({ code: 'CLUSTER_INVALID_TOPIC' }) as never);
  });

  it('refuses what is no string, and patterns that can never match', () => {
    expect(() => encodeTopic(7 as never)).toThrow(/no string/);
    expect(() => checkPattern('a.>.b')).toThrow(/before its end/);
    expect(() => checkPattern('a.b>')).toThrow(/inside the segment/);
    expect(() => checkPattern('a\ud800.>')).toThrow("The topic 'a\ufffd.>' has half of a surrogate pair");
    expect(() => checkPattern('😀.>')).not.toThrow();
    expect(() => checkPattern('flag.*.>')).not.toThrow();
  });

  it('counts the bytes of a topic, not its characters', () => {
    expect(encodeTopic('ä'.repeat(127))).toHaveLength(254);
    expect(() => encodeTopic('ä'.repeat(128))).toThrow(/255 bytes/);
  });
});
