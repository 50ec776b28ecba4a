/** The strategy that docs/discovery.md shows: it is there word for word, short, and passes the suite. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { PeerAddress } from 'rookery/discovery';
import { type DiscoverySource, discoveryStrategyCases, patience } from 'rookery/testing';
import { consul } from './examples/consul.js';

/** An agent as far as the example asks it, after https://developer.hashicorp.com/consul/api-docs/health. */
async function openAgent(): Promise<DiscoverySource & { readonly url: string; readonly requests: string[] }> {
  let addresses: readonly PeerAddress[] = [];
  const requests: string[] = [];
  const server: Server = createServer(({ url, headers }, response) => {
    requests.push(`${url} ${String(headers['x-consul-token'])}`);
    if (url !== '/v1/health/service/app?passing=true') return response.writeHead(404).end();
    const instances = addresses.map(({ host, port }, i) =>
      // Consul leaves the address of a service empty that has that of its node.
      i === 0
        ? { Node: { Address: host }, Service: { Address: '', Port: port } }
        : { Node: { Address: '198.51.100.9' }, Service: { Address: host, Port: port } },
    );
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(instances));
  });
  const listen = async (port: number): Promise<number> => {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return (server.address() as AddressInfo).port;
  };
  const close = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  const port = await listen(0);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    requests,
    strategy: () => consul({ service: 'app', url }),
    list: (given) => {
      addresses = given;
      return Promise.resolve();
    },
    fail: close,
    recover: async () => void (await listen(port)),
    close,
  };
}

describe('consul() of docs/discovery.md', () => {
  it.each(discoveryStrategyCases({ open: openAgent, lists: true, fails: true }))('$name', ({ run }) => run());

  it('sends its token, and says what to look at when it is refused or nobody is there', async () => {
    const agent = await openAgent();
    try {
      const strategy = consul({ service: 'app', url: agent.url, token: 'secret-1' });
      expect(await strategy.discover(patience())).toEqual([]);
      expect(agent.requests).toEqual(['/v1/health/service/app?passing=true secret-1']);
      expect(strategy.explain?.()).toContain("no healthy instance of 'app'");
      const wrong = consul({ service: 'web', url: agent.url });
      await expect(wrong.discover(patience())).rejects.toThrow(/answered 404: look at the agent/);
    } finally {
      await agent.close();
    }
  });

  it('stands in the paper as it is here, in less than 40 lines', () => {
    const source = readFileSync('test/discovery/examples/consul.ts', 'utf8');
    expect(source.trimEnd().split('\n').length).toBeLessThan(40);
    expect(readFileSync('docs/discovery.md', 'utf8')).toContain(`\`\`\`ts\n${source}\`\`\`\n`);
  });
});
