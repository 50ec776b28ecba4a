import { describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubernetesDns, type KubernetesDnsOptions } from './kubernetes-dns.js';

const refused = (options: unknown): { problems: readonly string[]; cause?: unknown } => {
  try {
    kubernetesDns(options as KubernetesDnsOptions);
  } catch (error) {
    return error as { problems: readonly string[] };
  }
  throw new Error('accepted');
};

function withNamespaceFile<Result>(content: string, use: (file: string) => Result): Result {
  const directory = mkdtempSync(join(tmpdir(), 'rookery-namespace-'));
  try {
    writeFileSync(join(directory, 'namespace'), content);
    return use(join(directory, 'namespace'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('kubernetesDns()', () => {
  it('reads the namespace of its pod', () => {
    withNamespaceFile('shop\n', (namespaceFile) => {
      const strategy = kubernetesDns({ service: 'app-headless', port: 4370, namespaceFile });
      expect(strategy).toMatchObject({ name: 'kubernetes-dns', pollIntervalMs: 5_000 });
    });
  });

  it('says how to mend it when there is no namespace to read', () => {
    const { problems, cause } = refused({ service: 'app', port: 4370, namespaceFile: '/nowhere/namespace' });
    expect(problems).toEqual([
      'namespace is not given, and /nowhere/namespace cannot be read (ENOENT); give namespace, or run in a pod that ' +
        'mounts its service account (automountServiceAccountToken)',
    ]);
    expect(cause).toMatchObject({ code: 'ENOENT' });
  });

  it('refuses a namespace file that holds something else', () => {
    withNamespaceFile('', (namespaceFile) => {
      expect(refused({ service: 'app', port: 4370, namespaceFile }).problems).toEqual([
        expect.stringContaining(`what ${namespaceFile} holds must be a bare name`),
      ]);
    });
  });

  it('names every problem at once', () => {
    const options = { services: 'app', namespace: 'Shop', port: 'UPPER', clusterDomain: 'a b', pollIntervalMs: 1 };
    expect(refused(options).problems.map((problem) => problem.split(' ').slice(0, 3).join(' '))).toEqual([
      'services is not',
      'service is missing,',
      'namespace must be',
      'port must be',
      'pollIntervalMs must be',
      'clusterDomain must be',
    ]);
  });

  it.each(['app-headless.shop', 'app_1', '-app', '', 'x'.repeat(64)])(
    'wants the bare name of a service, not %j',
    (service) => {
      expect(refused({ service, namespace: 'shop', port: 1 }).problems).toEqual([
        expect.stringMatching(/^service must be a bare name/),
      ]);
    },
  );

  it.each([0, 65_536, '4370', 'a--b', 'x'.repeat(16), undefined])('refuses the port %j', (port) => {
    expect(refused({ service: 'app', namespace: 'shop', port }).problems).toEqual([expect.stringMatching(/^port /)]);
  });

  it('passes the interval on', () => {
    expect(kubernetesDns({ service: 'app', namespace: 'shop', port: 1, pollIntervalMs: 750 }).pollIntervalMs).toBe(750);
  });
});
