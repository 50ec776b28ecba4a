import { describe, expect, it } from '@jest/globals';
import { InvalidRequestError } from '../invalid-request.error.js';
import { parseFlag, parseKey } from './flag-input.js';

function problemsOf(act: () => unknown): readonly string[] {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidRequestError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseKey', () => {
  it.each(['a', '0', 'new-pricing', 'team.checkout_v2', 'a'.repeat(64)])('takes %s', (key) => {
    expect(parseKey(key)).toBe(key);
  });

  it.each(['', 'A', '-a', '.a', '_a', 'a b', 'a/b', 'a\n', 'ä', '__proto__', 'a'.repeat(65)])('refuses %j', (key) => {
    expect(problemsOf(() => parseKey(key))).toHaveLength(1);
  });
});

describe('parseFlag', () => {
  it('takes a state, with or without a description', () => {
    expect(parseFlag('a', { enabled: false })).toEqual({ enabled: false });
    expect(parseFlag('a', { enabled: true, description: '' })).toEqual({ enabled: true, description: '' });
  });

  it.each([[undefined], [null], ['text'], [[]], [7]])('refuses %j as a body', (body) => {
    expect(problemsOf(() => parseFlag('a', body))).toEqual([expect.stringContaining('must be a JSON object')]);
  });

  it.each([[undefined], [null], [1], ['true']])('refuses %j as a state', (enabled) => {
    expect(problemsOf(() => parseFlag('a', { enabled }))).toEqual(['"enabled" must be true or false']);
  });

  it.each([[1], [null], ['x'.repeat(201)], ['\0']])('refuses %j as a description', (description) => {
    expect(problemsOf(() => parseFlag('a', { enabled: true, description }))).toEqual([
      expect.stringContaining('"description" must'),
    ]);
  });

  it('names all that is wrong with key and body at once', () => {
    expect(
      problemsOf(() => parseFlag('A', { enabled: 'yes', description: 1, version: 9, deleted: true })),
    ).toHaveLength(4);
  });

  it('does not repeat foreign names at length', () => {
    const body = {
      enabled: true,
      ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`${i}`.repeat(500), 1])),
    };
    expect(problemsOf(() => parseFlag('a', body)).join().length).toBeLessThan(300);
  });

  it('takes __proto__ in a body for a name like any other', () => {
    const body: unknown = JSON.parse('{ "enabled": true, "__proto__": { "description": "x" } }');
    expect(problemsOf(() => parseFlag('a', body))).toEqual([expect.stringContaining('__proto__')]);
  });
});
