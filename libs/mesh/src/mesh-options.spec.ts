import { describe, expect, it } from '@jest/globals';
import { systemRandom } from '@rookery/runtime';
import { local, staticPeers } from 'rookery/discovery';
import { ClusterOptionsError } from './errors.js';
import { DEFAULT_MESH_LIMITS, type MeshOptions, resolveMeshOptions } from './mesh-options.js';

const COOKIE = '6f1d1a1e0b7c4e2f9a3d';
const MIB = 1024 * 1024;
const PEERS = staticPeers([{ host: '10.0.0.1', port: 4370 }]);

function problems(options: unknown): readonly string[] {
  try {
    resolveMeshOptions(options as MeshOptions, systemRandom);
  } catch (error) {
    if (error instanceof ClusterOptionsError) return error.problems;
    throw error;
  }
  return [];
}

describe('options', () => {
  it('are complete when little is given', () => {
    const options = resolveMeshOptions({ cookie: COOKIE, discovery: PEERS }, systemRandom);
    expect(options).toMatchObject({ cluster: 'default', listen: { host: '0.0.0.0', port: 4370 }, metadata: {} });
    expect(options.name).not.toBe('');
  });

  it('listen on loopback, on a free port, when only this machine is searched', () => {
    expect(resolveMeshOptions({ cookie: COOKIE, discovery: local() }, systemRandom).listen).toEqual({
      host: '127.0.0.1',
      port: 0,
    });
  });

  it('name every problem at once', () => {
    const found = problems({
      nmae: 'x',
      discovery: [PEERS, {}],
      cookie: 'short',
      listen: { host: '', port: 70_000, prot: 1 },
      advertise: { host: '0.0.0.0' },
      metadata: { big: 'x'.repeat(2_000) },
      limits: { windowByte: 1, maxFrameBytes: 1 },
      logger: {},
    });
    for (const option of [
      'nmae',
      'discovery',
      'cookie',
      'listen.host',
      'listen.port',
      'listen.prot',
      'advertise.host',
      'metadata',
      'limits.windowByte',
      'limits.maxFrameBytes',
      'logger',
    ]) {
      expect(found.filter((problem) => problem.startsWith(`${option}:`))).toHaveLength(1);
    }
    expect(found).toHaveLength(11);
    expect(found).toContain("nmae: unknown option. Did you mean 'name'?");
    expect(found).toContain("limits.windowByte: unknown option. Did you mean 'limits.windowBytes'?");
  });

  it('refuse metadata that others could not pass on', () => {
    let deep = {};
    for (let level = 0; level < 126; level++) deep = { a: deep };
    expect(problems({ metadata: deep })).toEqual([
      expect.stringMatching(/^metadata\.a.*: is nested deeper than 16 levels/),
    ]);
    expect(problems({ metadata: { since: new Date() } })).toEqual([
      expect.stringMatching(/^metadata\.since: only text/),
    ]);
  });

  it('take a copy of metadata that nothing changes any more', () => {
    const tags = ['a'];
    let looks = 0;
    const metadata = {
      tags,
      get looks() {
        return ++looks;
      },
    };
    const resolved = resolveMeshOptions({ cookie: COOKIE, discovery: PEERS, metadata }, systemRandom);
    tags.push('b');
    expect(resolved.metadata).toEqual({ tags: ['a'], looks: 1 });
    expect(Object.isFrozen(resolved.metadata['tags'])).toBe(true);
  });

  it.each([
    [{ keptBytes: 32 * MIB }, ['keptBytes: is a part of limits.windowBytes (16777216)']],
    [{ keptBytes: 8_193, windowBytes: 8_192 }, ['keptBytes: is a part of limits.windowBytes (8192)']],
    [{ keptMs: 60_000 }, ['keptMs: must not be less than limits.windowMs (300000)']],
    [{ maxFrameBytes: 32 * MIB }, ['maxFrameBytes: must not be more than limits.windowBytes (16777216)']],
    [
      { windowBytes: 8_192, windowMs: 1_000, keptBytes: 8_193, keptMs: 999, maxFrameBytes: 65_536 },
      ['keptBytes: is a part', 'keptMs: must not be less', 'maxFrameBytes: must not be more'],
    ],
    // One problem is told once.
    [{ windowBytes: 1, keptBytes: 8_193 }, ['windowBytes: must be a whole number']],
    [{ keptMs: 1 }, ['keptMs: must be a whole number']],
  ])('hold the limits to each other: %p', (limits, expected) => {
    expect(problems({ discovery: PEERS, cookie: COOKIE, limits })).toEqual(
      expected.map((problem) => expect.stringContaining(`limits.${problem}`)),
    );
  });

  it.each([
    [{ windowBytes: 4_096 }, { windowBytes: 4_096, keptBytes: 4_096, maxFrameBytes: MIB }],
    [{ windowMs: 3_600_000 }, { windowMs: 3_600_000, keptMs: 3_600_000 }],
    [{ windowBytes: 8_192, keptBytes: 8_192 }, { keptBytes: 8_192 }],
    [{ windowMs: 1_000, keptMs: 1_000 }, { keptMs: 1_000 }],
    [{ keptBytes: 0, windowBytes: undefined }, DEFAULT_MESH_LIMITS, { keptBytes: 0 }],
  ])('let the limits that are not given follow: %p', (limits, ...expected) => {
    const options = { discovery: PEERS, cookie: COOKIE, limits } as MeshOptions;
    expect(resolveMeshOptions(options, systemRandom).limits).toMatchObject(Object.assign({}, ...expected) as object);
  });

  it.each([null, 'name', 1, [], Promise.resolve({})])('are an object: not %p', (options) => {
    expect(problems(options)).toEqual([expect.stringMatching(/^options: must be an object/)]);
  });

  it('may lie on top of others', () => {
    const options = Object.create(
      { cluster: 'below', cookie: COOKIE, nmae: 'x' },
      { name: { value: 'above' } },
    ) as object;
    expect(problems(options)).toEqual(["nmae: unknown option. Did you mean 'name'?"]);
    delete (Object.getPrototypeOf(options) as { nmae?: string }).nmae;
    expect(resolveMeshOptions(options, systemRandom)).toMatchObject({ cluster: 'below', name: 'above' });
  });

  it('demand a cookie with any discovery beyond this machine', () => {
    expect(problems({ discovery: PEERS })).toEqual([expect.stringMatching(/^cookie: is required/)]);
    expect(problems({ discovery: [local(), PEERS] })).toEqual([expect.stringMatching(/^cookie: is required/)]);
  });

  it.each([
    'short',
    'secretsecretsecret',
    'changeme-changeme',
    'my-super-secret-cookie',
    'aaaaaaaaaaaaaaaaaaaa',
    'test-cluster-cookie-123',
  ])('refuse the cookie %p without quoting it', (cookie) => {
    const found = problems({ discovery: PEERS, cookie });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^cookie: .*openssl rand -hex 32/);
    expect(found[0]).not.toContain(cookie);
  });

  it('accept made secrets', () => {
    for (const cookie of [COOKIE, 'correct horse battery staple', 'QJ3v_8sKx-0Lm2pZ']) {
      expect(problems({ discovery: PEERS, cookie })).toEqual([]);
    }
  });
});
