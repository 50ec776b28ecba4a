import { describe, expect, it } from '@jest/globals';
import { isAbsolute } from 'node:path';
import { resolveFeatureFlagsOptions } from './feature-flags.options.js';

describe('resolveFeatureFlagsOptions', () => {
  it('keeps the flags in a file below the working directory by default', () => {
    const { location, reloadSpreadMs } = resolveFeatureFlagsOptions({ readOnly: false, file: undefined });
    expect(location).toMatchObject({ kind: 'file' });
    expect(location.kind === 'file' && isAbsolute(location.path)).toBe(true);
    expect(reloadSpreadMs).toBe(500);
  });

  it('serves from memory while that is in doubt, unless told otherwise', () => {
    expect(resolveFeatureFlagsOptions({ readOnly: true }).whenStale).toBe('serve');
    expect(resolveFeatureFlagsOptions({ readOnly: true, whenStale: undefined }).whenStale).toBe('serve');
    expect(() =>
      resolveFeatureFlagsOptions({
        readOnly: true,
        whenStale: 'ignore' as never,
        maxStaleReads: 0,
        staleReadTimeoutMs: -1,
      }),
    ).toThrow(/whenStale must be one of serve, bypass, flush.*maxStaleReads.*staleReadTimeoutMs/s);
  });

  it('names every problem at once, and no password', () => {
    const resolve = () =>
      resolveFeatureFlagsOptions({
        readOnly: false,
        databaseUrl: 'mysql://me:secret@host/x',
        file: '',
        retryMaxMs: -1,
      });
    expect(resolve).toThrow(expect.objectContaining({ code: 'FLAGS_INVALID_OPTIONS' }));
    expect(resolve).toThrow(/exclude each other.*postgres:\/\/.*not be empty.*retryMaxMs/s);
    expect(resolve).not.toThrow(/secret/);
  });
});
