import { describe, expect, it } from '@jest/globals';
import { systemRandom } from '@rookery/runtime';
import { local, staticPeers } from 'rookery/discovery';
import { ClusterOptionsError } from './errors.js';
import { type MeshOptions, resolveMeshOptions } from './mesh-options.js';

const COOKIE = '6f1d1a1e0b7c4e2f9a3d';
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
