/** Peers by Consul: the healthy instances of a service, as the agent of this machine knows them. */
import { type DiscoveryStrategy, uniqueAddresses } from 'rookery/discovery';

export interface ConsulOptions {
  readonly service: string;
  readonly url?: string;
  readonly token?: string;
}

interface Instance {
  readonly Node: { readonly Address: string };
  readonly Service: { readonly Address: string; readonly Port: number };
}

export function consul({ service, url = 'http://127.0.0.1:8500', token }: ConsulOptions): DiscoveryStrategy {
  const question = `${url}/v1/health/service/${encodeURIComponent(service)}?passing=true`;
  const headers = token === undefined ? {} : { 'X-Consul-Token': token };
  let found: number | undefined;
  return {
    name: 'consul',
    async discover(signal) {
      signal.throwIfAborted();
      const response = await fetch(question, { signal, headers });
      if (!response.ok) throw new Error(`${url} answered ${response.status}: look at the agent and at the token.`);
      const instances = (await response.json()) as Instance[];
      found = instances.length;
      const addresses = instances.map(({ Node, Service }) => ({
        host: Service.Address || Node.Address,
        port: Service.Port,
      }));
      return uniqueAddresses(addresses);
    },
    explain: () => (found === 0 ? `Consul knows no healthy instance of '${service}': is that its name?` : undefined),
  };
}
