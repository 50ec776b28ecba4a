/** kubernetesApi() passes the suite that the package ships for strategies. */
import { describe, it } from '@jest/globals';
import { kubernetesApi, type PeerAddress } from 'rookery/discovery';
import { type DiscoverySource, discoveryStrategyCases } from 'rookery/testing';
import { answerStatus, KubernetesServer, pod, PODS, slice, SLICES } from './kubernetes-server.js';

describe.each([
  ['a service', { service: 'app', port: 4370 }, listSlice],
  ['pods', { selector: 'app=shop', port: 4370 }, listPods],
] as const)('kubernetesApi() for %s', (_name, options, list) => {
  const open = async (): Promise<DiscoverySource> => {
    const server = await KubernetesServer.start();
    return {
      strategy: () => kubernetesApi({ ...options, ...server.options }),
      list: (addresses) => Promise.resolve(list(server, addresses)),
      fail: () => {
        server.fault = () => (response) =>
          answerStatus(response, 503, 'ServiceUnavailable', 'the apiserver is stopping');
        server.reset();
        return Promise.resolve();
      },
      recover: () => {
        server.fault = () => undefined;
        return Promise.resolve();
      },
      close: () => server.stop(),
    };
  };
  it.each(discoveryStrategyCases({ open, lists: true, fails: true }))('$name', ({ run }) => run());
});

function listSlice(server: KubernetesServer, addresses: readonly PeerAddress[]): void {
  const hosts = addresses.map(({ host }) => host);
  if (hosts.length === 0) server.remove(SLICES, 'app-1');
  else server.put(SLICES, slice('app-1', 'app', hosts));
}

function listPods(server: KubernetesServer, addresses: readonly PeerAddress[]): void {
  const names = addresses.map(({ host }) => `shop-${host.replaceAll('.', '-')}`);
  const gone = ['192-0-2-1', '192-0-2-2', '192-0-2-3']
    .map((name) => `shop-${name}`)
    .filter((name) => !names.includes(name));
  server.remove(PODS, ...gone);
  server.put(PODS, ...addresses.map(({ host }, index) => pod(names[index]!, { app: 'shop' }, host)));
}
