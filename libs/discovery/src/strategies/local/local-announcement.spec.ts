import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DiscoverySelf } from '../../discovery-strategy.js';
import {
  clusterFolder,
  decodeAnnouncement,
  encodeAnnouncement,
  hostForNeighbours,
  MAX_ANNOUNCEMENT_BYTES,
  temporaryFile,
  temporaryFilePid,
} from './local-announcement.js';

const self = (changes: Partial<DiscoverySelf> = {}): DiscoverySelf => ({
  cluster: 'shop',
  name: 'api-1',
  incarnation: '00000000000000a1',
  address: { host: '0.0.0.0', port: 4370 },
  ...changes,
});

describe('clusterFolder', () => {
  it('is readable where the name allows it', () => {
    expect(clusterFolder('shop')).toMatch(/^shop-[0-9a-f]{12}$/);
    expect(clusterFolder('Shop / EU')).toMatch(/^shop-eu-[0-9a-f]{12}$/);
    expect(clusterFolder('../..')).toMatch(/^[0-9a-f]{12}$/);
  });

  it('is safe for every name, and never longer than a file system allows', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (name) => {
        expect(clusterFolder(name)).toMatch(/^(?:[a-z0-9][a-z0-9-]{0,31}-)?[0-9a-f]{12}$/);
      }),
    );
  });

  it('differs for names that differ, also where case does not count', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        expect(clusterFolder(a) === clusterFolder(b)).toBe(a === b);
      }),
    );
    expect(clusterFolder('Shop').toLowerCase()).not.toBe(clusterFolder('shop').toLowerCase());
  });
});

describe('hostForNeighbours', () => {
  it.each([
    ['0.0.0.0', '127.0.0.1'],
    ['::', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['127.0.0.2', '127.0.0.2'],
    ['::1', '::1'],
    ['10.0.3.7', '10.0.3.7'],
  ])('makes %s reachable as %s', (host, expected) => {
    expect(hostForNeighbours(host)).toBe(expected);
  });
});

describe('an announcement', () => {
  it('is read as it was written', () => {
    expect(decodeAnnouncement(encodeAnnouncement(self(), 4711, 1_700_000_000_000))).toEqual({
      host: '127.0.0.1',
      port: 4370,
      pid: 4711,
      name: 'api-1',
      startedAt: 1_700_000_000_000,
    });
  });

  it('stays small whatever the node is called', () => {
    const content = encodeAnnouncement(self({ name: '\u0000'.repeat(10_000) }), 4711, 0);
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(MAX_ANNOUNCEMENT_BYTES);
    expect(decodeAnnouncement(content).name).toHaveLength(256);
  });

  const good = { host: '127.0.0.1', port: 1, pid: 1, name: 'a' };

  it('may come from a newer version', () => {
    expect(decodeAnnouncement(JSON.stringify({ ...good, zone: 'eu' }))).toEqual({ ...good, startedAt: undefined });
  });

  it.each([
    ['', /JSON/],
    ['null', /must be an object/],
    ['[]', /must be an object/],
    [JSON.stringify({ ...good, host: '' }), /host must be/],
    [JSON.stringify({ ...good, host: '0.0.0.0' }), /host must be/],
    [JSON.stringify({ ...good, port: 0 }), /port must be/],
    [JSON.stringify({ ...good, pid: 0 }), /pid must be/],
    [JSON.stringify({ ...good, pid: -7 }), /pid must be/],
    [JSON.stringify({ ...good, pid: 2 ** 31 }), /pid must be/],
    [JSON.stringify({ ...good, name: undefined }), /name is missing/],
    [JSON.stringify({ ...good, startedAt: 'now' }), /startedAt must be/],
  ])('is not %s', (text, problem) => {
    expect(() => decodeAnnouncement(text)).toThrow(problem);
  });

  it('is the only thing decoded: anything else is refused with an error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        expect(() => decodeAnnouncement(text)).toThrow();
      }),
    );
  });
});

describe('temporaryFilePid', () => {
  it('finds the pid in the name of a temporary file, and in no other', () => {
    expect(temporaryFilePid(temporaryFile('00000000000000a1', 4711))).toBe(4711);
    for (const name of [
      '00000000000000a1.json',
      '.x.tmp',
      '.x.0.tmp',
      '.x.99999999999.tmp',
      'x.4711.tmp',
      '.4711.tmp',
    ]) {
      expect(temporaryFilePid(name)).toBeUndefined();
    }
  });
});
