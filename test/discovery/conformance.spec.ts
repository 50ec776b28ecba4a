/** Every strategy of the package passes the suite that it ships for those of others. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from '@jest/globals';
import { dns, file, kubernetesDns, local, staticPeers } from 'rookery/discovery';
import { type DiscoverySource, discoveryStrategyCases } from 'rookery/testing';
import { ZoneServer } from './zone-server.js';

describe.each([
  ['staticPeers()', { open: openNothing }],
  ['local()', { open: openDirectory, announces: true }],
  ['file() of JSON', { open: () => openFile('peers.json'), lists: true, fails: true }],
  ['file() of hosts', { open: () => openFile('hosts'), lists: true, fails: true }],
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

async function openFile(name: 'peers.json' | 'hosts'): Promise<DiscoverySource> {
  const directory = await mkdtemp(join(tmpdir(), 'rookery-conformance-'));
  const path = join(directory, name);
  const list: DiscoverySource['list'] = async (addresses) => {
    const lines = addresses.map(({ host }, i) => `${host} peer-${i}\n`).join('');
    await writeFile(`${path}.tmp`, name === 'hosts' ? `# peers\n${lines}` : JSON.stringify(addresses));
    await rename(`${path}.tmp`, path);
  };
  await list([]);
  return {
    strategy: () => file({ path, port: 4370 }),
    list,
    fail: () => rename(path, `${path}.away`),
    recover: () => rename(`${path}.away`, path),
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
