// A program without Nest: only the types of Node and of the package are there.
import { type DiscoveryStrategy, staticPeers } from 'rookery/discovery';
import { ClusterError, createMesh, type EventContext, type MeshOptions } from 'rookery/mesh';

interface Events {
  'flag.changed': { readonly key: string; readonly enabled: boolean };
}

const discovery: DiscoveryStrategy = staticPeers([{ host: '10.0.3.7', port: 4370 }]);
const options: MeshOptions = { name: 'bare', cookie: 'correct horse battery', discovery };
const mesh = createMesh<Events>(options);
mesh.subscribe('flag.changed', ({ key, enabled }, { from }: EventContext) => {
  const told: [string, boolean, string] = [key, enabled, from.name];
  return told;
});
mesh.publish('flag.changed', { key: 'checkout', enabled: true });
// @ts-expect-error -- the declared payload has more
mesh.publish('flag.changed', { key: 'checkout' });
mesh.ready().catch((error: unknown) => error instanceof ClusterError && error.code === 'CLUSTER_LISTEN_FAILED');
