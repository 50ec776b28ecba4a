/** Turns the configuration into the options of the cluster. */
import type { ClusterModule } from 'rookery';
import { dns, kubernetesApi, kubernetesDns, staticPeers } from 'rookery/discovery';
import type { ReplicaConfig } from './replica-config.js';

type ClusterOptions = Parameters<typeof ClusterModule.forRoot>[0];

export function clusterOptions({ cluster, http }: ReplicaConfig): ClusterOptions {
  const { discovery, ...node } = cluster;
  const options = { ...node, drainDelayMs: http.drainMs };
  switch (discovery.kind) {
    case 'local':
      return options; // finding the other processes of this machine is what the library does by itself
    case 'dns':
      return { ...options, discovery: dns({ hostname: discovery.hostname, port: discovery.port }) };
    case 'kubernetes': {
      const { services: service, namespace, port, isByApi } = discovery;
      const find = isByApi ? kubernetesApi : kubernetesDns;
      return { ...options, discovery: find({ service, namespace, port }) };
    }
    case 'peers':
      return { ...options, discovery: staticPeers(discovery.peers) };
  }
}
