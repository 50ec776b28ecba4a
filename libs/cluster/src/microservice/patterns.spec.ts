import { describe, expect, it } from '@jest/globals';
import { encodeTopic } from '@rookery/pubsub';
import { hasWildcard, topicOf } from './patterns.js';

describe('the topic of a pattern', () => {
  it.each(['flag.changed', 'flag.*', 'flag.>', '42'])('is the pattern itself, where that is text: %s', (pattern) => {
    expect(topicOf(pattern)).toBe(pattern);
  });

  it.each([
    ['{"cmd":"sum"}', '{"cmd":"sum"}'],
    ['{"cmd":"do it"}', '{"cmd":"do%20it"}'],
    ['{"cmd":"a..b"}', '{"cmd":"a%2E%2Eb"}'],
    ['{"cmd":"*","to":">"}', '{"cmd":"%2A","to":"%3E"}'],
    ['{"cmd":"100%"}', '{"cmd":"100%25"}'],
    ['{"cmd":"a\u0000\tb\u2003c"}', '{"cmd":"a%00%09b%E2%80%83c"}'],
    ['{"cmd":"größe"}', '{"cmd":"größe"}'],
  ])('is encoded where that is an object: %j', (pattern, topic) => {
    expect(topicOf(pattern)).toBe(topic);
    expect(() => encodeTopic(topic)).not.toThrow();
    expect(decodeURIComponent(topic)).toBe(pattern);
  });
});

it('knows wildcards by whole segments', () => {
  expect(['flag.*', 'flag.>', '*'].every(hasWildcard)).toBe(true);
  expect(['flag.changed', 'a*b', topicOf('{"cmd":"*"}')].some(hasWildcard)).toBe(false);
});
