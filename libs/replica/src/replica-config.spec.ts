import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterOptions } from './cluster-options.js';
import { ConfigError, readReplicaConfig } from './replica-config.js';

const read = (environment: Record<string, string>) => readReplicaConfig(environment, { httpPort: 3001 });

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    read(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rookery-config-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A file that holds `text`. */
function fileWith(text: string): string {
  const path = join(folder, `secret-${text.length}`);
  writeFileSync(path, text);
  return path;
}

describe('readReplicaConfig', () => {
  it('works with no variable at all, for replicas of one machine', () => {
    expect(read({})).toEqual({
      http: { host: '127.0.0.1', port: 3001, drainMs: 500 },
      cluster: {
        cluster: undefined,
        name: undefined,
        cookie: undefined,
        listen: { host: undefined, port: undefined },
        discovery: { kind: 'local' },
      },
      flags: { databaseUrl: undefined, file: undefined, whenStale: undefined },
    });
  });

  it('takes an empty variable for one that is not set', () => {
    expect(read({ HTTP_PORT: '', DATABASE_URL: ' ', CLUSTER_DNS: '' })).toEqual(read({}));
  });

  it('finds peers by DNS, at the port where it listens itself', () => {
    const { cluster } = read({
      CLUSTER_DNS: 'app.local',
      CLUSTER_COOKIE: 'a long enough secret',
      CLUSTER_PORT: '5000',
    });
    expect(cluster).toMatchObject({
      listen: { host: '0.0.0.0', port: 5000 },
      discovery: { kind: 'dns', hostname: 'app.local', port: 5000 },
    });
  });

  it('takes a list of peers, IPv6 among them', () => {
    const { cluster } = read({ CLUSTER_PEERS: 'a:1, 10.0.0.2:2,[::1]:3', CLUSTER_COOKIE: 'a long enough secret' });
    expect(cluster.listen).toEqual({ host: '0.0.0.0', port: 4370 });
    expect(cluster.discovery).toEqual({
      kind: 'peers',
      peers: [
        { host: 'a', port: 1 },
        { host: '10.0.0.2', port: 2 },
        { host: '[::1]', port: 3 },
      ],
    });
  });

  it.each(['serve', 'bypass', 'flush'])(
    'takes %s for what reads are answered with while the flags are stale',
    (value) => {
      expect(read({ FLAGS_WHEN_STALE: value }).flags.whenStale).toBe(value);
    },
  );

  it('takes port 0, which lets the system choose', () => {
    expect(read({ HTTP_PORT: '0' }).http.port).toBe(0);
  });

  it('names every variable that is missing or wrong in one error', () => {
    const problems = problemsOf({
      HTTP_PORT: '80000',
      HTTP_DRAIN_MS: '60001',
      CLUSTER_PORT: 'x',
      CLUSTER_DNS: 'app.local',
      CLUSTER_PEERS: 'nowhere',
      DATABASE_URL: 'mysql://me:secret@host/db',
      FLAGS_FILE: 'flags.db',
      FLAGS_WHEN_STALE: 'never',
    });
    for (const name of [
      'HTTP_PORT',
      'HTTP_DRAIN_MS',
      'CLUSTER_PORT',
      'CLUSTER_DNS',
      'CLUSTER_PEERS',
      'CLUSTER_COOKIE',
      'DATABASE_URL',
      'FLAGS_FILE',
      'FLAGS_WHEN_STALE',
    ]) {
      expect(problems.join('\n')).toContain(name);
    }
    expect(problems.join('\n')).not.toContain('secret@');
  });

  it.each(['a', 'a:', ':1', 'a:0', 'a:65536', 'a:b', 'a:1,,b:2', '::1:3'])('refuses %s as a list of peers', (list) => {
    expect(problemsOf({ CLUSTER_PEERS: list, CLUSTER_COOKIE: 'a long enough secret' })).toEqual([
      expect.stringContaining('CLUSTER_PEERS'),
    ]);
  });

  it.each(['a long enough secret', 'a long enough secret\n', 'a long enough secret\r\n'])(
    'reads the cookie from a file that holds %j',
    (text) => {
      const { cluster } = read({ CLUSTER_DNS: 'app.local', CLUSTER_COOKIE_FILE: fileWith(text) });
      expect(cluster.cookie).toBe('a long enough secret');
    },
  );

  it('wants one cookie', () => {
    expect(problemsOf({ CLUSTER_COOKIE: 'a', CLUSTER_COOKIE_FILE: fileWith('a long enough secret') })).toEqual([
      expect.stringContaining('CLUSTER_COOKIE and CLUSTER_COOKIE_FILE exclude each other'),
    ]);
  });

  it('names a file of a cookie that cannot be read together with the other problems', () => {
    const missing = join(folder, 'missing');
    expect(problemsOf({ HTTP_PORT: 'x', CLUSTER_DNS: 'app.local', CLUSTER_COOKIE_FILE: missing })).toEqual([
      `CLUSTER_COOKIE_FILE names ${missing}, which cannot be read: ENOENT`,
      expect.stringContaining('HTTP_PORT'),
    ]);
    expect(problemsOf({ CLUSTER_COOKIE_FILE: folder })).toEqual([expect.stringContaining('EISDIR')]);
    expect(problemsOf({ CLUSTER_COOKIE_FILE: fileWith('\n') })).toEqual([expect.stringContaining('empty')]);
    expect(problemsOf({ CLUSTER_COOKIE_FILE: fileWith('x'.repeat(5_000)) })).toEqual([
      expect.stringContaining('too large'),
    ]);
  });

  it('finds peers behind services of Kubernetes', () => {
    const { cluster } = read({
      CLUSTER_KUBERNETES_SERVICE: 'landing-mesh, api-mesh',
      CLUSTER_KUBERNETES_NAMESPACE: 'shop',
      CLUSTER_COOKIE: 'a long enough secret',
      CLUSTER_PORT: '5000',
    });
    expect(cluster.listen).toEqual({ host: '0.0.0.0', port: 5000 });
    expect(cluster.discovery).toEqual({
      kind: 'kubernetes',
      services: ['landing-mesh', 'api-mesh'],
      namespace: 'shop',
      port: 5000,
      isByApi: false,
    });
    const byApi = {
      CLUSTER_KUBERNETES_SERVICE: 'a',
      CLUSTER_KUBERNETES_API: 'true',
      CLUSTER_COOKIE: 'a long enough secret',
    };
    expect(read(byApi).cluster.discovery).toMatchObject({ isByApi: true });
    expect(
      clusterOptions(
        read({
          CLUSTER_KUBERNETES_SERVICE: 'a',
          CLUSTER_KUBERNETES_NAMESPACE: 'b',
          CLUSTER_COOKIE: 'a long enough secret',
        }),
      ),
    ).toMatchObject({
      discovery: { name: 'kubernetes-dns' },
      drainDelayMs: 500,
    });
  });

  it.each([
    ['App', 'CLUSTER_KUBERNETES_SERVICE'],
    ['a.b', 'CLUSTER_KUBERNETES_SERVICE'],
    ['a,,b', 'CLUSTER_KUBERNETES_SERVICE'],
    [Array.from({ length: 17 }, (_, i) => `a${i}`).join(','), '16 services at most'],
  ])('refuses %s as services of Kubernetes', (list, word) => {
    expect(problemsOf({ CLUSTER_KUBERNETES_SERVICE: list, CLUSTER_COOKIE: 'a long enough secret' })).toEqual([
      expect.stringContaining(word),
    ]);
  });

  it('wants one way of discovery, and a namespace only with services', () => {
    const cookie = { CLUSTER_COOKIE: 'a long enough secret' };
    expect(problemsOf({ ...cookie, CLUSTER_DNS: 'a', CLUSTER_KUBERNETES_SERVICE: 'a', CLUSTER_PEERS: 'a:1' })).toEqual([
      expect.stringContaining('CLUSTER_DNS and CLUSTER_KUBERNETES_SERVICE and CLUSTER_PEERS exclude each other'),
    ]);
    expect(problemsOf({ ...cookie, CLUSTER_KUBERNETES_NAMESPACE: 'Shop' })).toEqual([
      expect.stringContaining('needs CLUSTER_KUBERNETES_SERVICE'),
      expect.stringContaining('must be a namespace'),
    ]);
    expect(problemsOf({ ...cookie, CLUSTER_KUBERNETES_API: 'yes' })).toEqual([
      expect.stringContaining('needs CLUSTER_KUBERNETES_SERVICE'),
      expect.stringContaining('must be true or false'),
    ]);
  });
});
