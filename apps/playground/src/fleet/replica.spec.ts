import { describe, expect, it } from '@jest/globals';
import { describeExit, stateAfter } from './replica.js';

const exit = (code: number | null, signal: NodeJS.Signals | null = null) => ({ code, signal });

describe('the end of a replica', () => {
  it('is a stop only when it was asked to, and did so itself', () => {
    expect(stateAfter(exit(null, 'SIGTERM'), 'stop')).toBe('stopped');
    expect(stateAfter(exit(0), 'stop')).toBe('stopped');
    expect(stateAfter(exit(null, 'SIGKILL'), 'stop')).toBe('dead');
    expect(stateAfter(exit(null, 'SIGKILL'), 'kill')).toBe('dead');
    expect(stateAfter(exit(null, 'SIGTERM'), undefined)).toBe('dead');
    expect(stateAfter(exit(0), undefined)).toBe('dead');
    expect(stateAfter({ ...exit(null), error: new Error('EAGAIN') }, 'stop')).toBe('dead');
  });

  it('is put into words that say whose doing it was', () => {
    expect(describeExit(exit(null, 'SIGTERM'), 'stop')).toBe('ended as it was asked to');
    expect(describeExit(exit(null, 'SIGKILL'), 'stop')).toContain('in time');
    expect(describeExit(exit(null, 'SIGKILL'), 'kill')).toBe('killed with SIGKILL');
    expect(describeExit(exit(null, 'SIGKILL'), undefined)).toContain('somebody else');
    expect(describeExit(exit(1), undefined)).toContain('code 1');
    expect(describeExit({ ...exit(null), error: new Error('EAGAIN') }, undefined)).toContain('EAGAIN');
  });
});
