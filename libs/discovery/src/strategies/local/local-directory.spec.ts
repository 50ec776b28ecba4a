import { describe, expect, it } from '@jest/globals';
import { privacyProblem } from './local-directory.js';

const stats = (uid: number, mode: number, kind: 'directory' | 'file' | 'link' = 'directory') => ({
  uid,
  mode,
  isDirectory: () => kind === 'directory',
  isSymbolicLink: () => kind === 'link',
});

describe('privacyProblem', () => {
  it.each([0o700, 0o755, 0o750, 0o040700, 0o500])("trusts the user's own directory with mode %#", (mode) => {
    expect(privacyProblem(stats(1000, mode), 1000)).toBeUndefined();
  });

  it.each([
    [stats(1001, 0o700), /belongs to user 1001, while this process runs as user 1000/],
    [stats(0, 0o700), /belongs to user 0/],
    [stats(1000, 0o720), /can be written by others \(mode 0720\)/],
    [stats(1000, 0o041777), /can be written by others \(mode 0777\)/],
    [stats(1000, 0o700, 'link'), /is a symbolic link/],
    [stats(1000, 0o700, 'file'), /is not a directory/],
  ])('does not trust case %#', (found, problem) => {
    expect(privacyProblem(found, 1000)).toMatch(problem);
  });

  it('asks for nothing but a directory where users have no number', () => {
    expect(privacyProblem(stats(0, 0o777), undefined)).toBeUndefined();
    expect(privacyProblem(stats(0, 0o777, 'link'), undefined)).toBe('is a symbolic link');
  });
});
