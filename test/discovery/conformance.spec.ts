/** Every strategy of the package passes the suite that it ships for those of others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { dns, kubernetesDns, local, staticPeers } from 'rookery/discovery';
import { type DiscoverySource, discoveryStrategyCases } from 'rookery/testing';
import { ZoneServer } from './zone-server.js';

describe.each([
  ['staticPeers()', { open: openNothing }],
  ['local()', { open: openDirectory, announces: true }],
  [
    'dns()',
    {
      open: () => openZone('app.test', (servers) => dns({ hostname: 'app.test', port: 4370, servers })),
      lists: true,
      fails: true,
    },
  ],
  [
    'kubernetesDns()',
    {
      open: () =>
        openZone('app.shop.svc.cluster.local', (servers) =>
          kubernetesDns({ service: 'app', namespace: 'shop', port: 4370, servers }),
        ),
      lists: true,
      fails: true,
    },
  ],
] as const)('%s', (_name, traits) => {
  it.each(discoveryStrategyCases(traits))('$name', ({ run }) => run());
});

function openNothing(): Promise<DiscoverySource> {
  return Promise.resolve({ strategy: () => staticPeers([]), close: () => Promise.resolve() });
}

async function openDirectory(): Promise<DiscoverySource> {
  const directory = await mkdtemp(join(tmpdir(), 'rookery-conformance-'));
  return {
    strategy: () => local({ directory: join(directory, 'board') }),
    close: () => rm(directory, { recursive: true }),
  };
}

async function openZone(
  name: string,
  make: (servers: readonly string[]) => ReturnType<typeof dns>,
): Promise<DiscoverySource> {
  const server = await ZoneServer.start();
  let hosts: readonly string[] | undefined;
  const publish = (): Promise<void> => {
    server.forget();
    if (hosts !== undefined) server.answer('A', name, hosts);
    return Promise.resolve();
  };
  return {
    strategy: () => make([server.address]),
    list: (addresses) => {
      hosts = addresses.map(({ host }) => host);
      return publish();
    },
    fail: () => {
      server.answer('A', name, 'SERVFAIL').answer('AAAA', name, 'SERVFAIL');
      return Promise.resolve();
    },
    recover: publish,
    close: () => server.stop(),
  };
}
