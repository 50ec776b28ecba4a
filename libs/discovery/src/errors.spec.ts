import { describe, expect, it } from '@jest/globals';
import { DiscoveryError, DiscoveryOptionsError } from './errors.js';

describe('DiscoveryError', () => {
  it('carries a stable code, and the error behind it', () => {
    const cause = new Error('EACCES');
    const error = new DiscoveryError('DISCOVERY_DIRECTORY_UNUSABLE', 'no', { cause });
    expect(error).toMatchObject({ name: 'DiscoveryError', code: 'DISCOVERY_DIRECTORY_UNUSABLE', message: 'no', cause });
  });
});

describe('DiscoveryOptionsError', () => {
  it('says a single problem in one line', () => {
    const error = new DiscoveryOptionsError('dns()', ['port is missing']);
    expect(error).toBeInstanceOf(DiscoveryError);
    expect(error).toMatchObject({ name: 'DiscoveryOptionsError', code: 'DISCOVERY_INVALID_OPTIONS' });
    expect(error.message).toBe('dns(): port is missing.');
  });

  it('lists several, and keeps them as data', () => {
    const error = new DiscoveryOptionsError('dns()', ['port is missing', 'prot is not an option']);
    expect(error.message).toBe('dns(): 2 problems with the options:\n  - port is missing\n  - prot is not an option');
    expect(error.problems).toEqual(['port is missing', 'prot is not an option']);
  });
});
