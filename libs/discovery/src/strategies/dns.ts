/** Peers by DNS: the A and AAAA records of a name, or the SRV records of a service. */
import { Resolver } from 'node:dns/promises';
import { uniqueAddresses } from '../address.js';
import type { DiscoveryStrategy } from '../discovery-strategy.js';
import { DnsAnswers } from './dns-answers.js';
import { type DnsQuestions, lookupAddresses, type LookupAnswer, lookupService } from './dns-lookup.js';
import { type DnsOptions, resolveDnsOptions } from './dns-options.js';

/**
 * Peers by DNS: a headless service, a Compose service, a Consul or cloud name with one record for each replica.
 *
 * - *Nobody yet.* A name that does not exist, or has no such records, is an empty answer: the first replica starts alone.
 * - *Unknown.* A server that is silent, refuses or fails makes `discover` reject, and the peers found before stay. What
 *   one address family, one target or one of several names answered is used although another failed.
 * - *No search domains.* Names are asked for exactly as written: Node's resolver leaves out the `search` and `ndots` of
 *   `/etc/resolv.conf`, and the hosts file. On Kubernetes write `app.shop.svc.cluster.local`, or use
 *   {@link kubernetesDns}. A bare name does work where the name server itself knows it, as in Compose.
 * - *SRV.* RFC 2782 forbids name servers to compress the names of targets. Node with c-ares 1.34.7 or newer takes it at
 *   its word: an answer with compressed names fails with `EBADRESP`. Ask a server that follows the RFC, or for addresses.
 * - *No thread is held.* `dns.lookup` would wait in one of the four threads that files and crypto share; this does not.
 *
 * @returns a strategy whose `discover` rejects with {@link DiscoveryError} `DISCOVERY_LOOKUP_FAILED` when the name
 * servers gave no answer, and with the signal's reason when it is aborted.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem.
 * @example
 * dns({ hostname: 'app', port: 4370 }); // a service of Compose
 * dns({ hostname: 'app.shop.internal', port: 4370, pollIntervalMs: 2_000 });
 * dns({ hostname: '_rookery._tcp.app.service.consul', type: 'SRV', servers: ['127.0.0.1:8600'] });
 */
export function dns(options: DnsOptions): DiscoveryStrategy {
  const { hostnames, pollIntervalMs, servers, timeoutMs, records } = resolveDnsOptions(options);
  const answers = new DnsAnswers();

  const lookup = (questions: DnsQuestions, name: string): Promise<LookupAnswer> =>
    records.type === 'SRV'
      ? lookupService(questions, name, records.port)
      : lookupAddresses(questions, name, records.port);

  return {
    name: 'dns',
    pollIntervalMs,
    start({ logger }) {
      answers.logger = logger;
    },
    async discover(signal) {
      signal.throwIfAborted();
      // A resolver for each poll: it reads a changed /etc/resolv.conf, has no cache to serve, and cancels no other poll.
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
      if (servers !== undefined) resolver.setServers(servers);
      const cancel = (): void => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        const questions = unlessAborted(resolver, signal);
        const found = await Promise.all(hostnames.map(async (name) => [name, await lookup(questions, name)] as const));
        signal.throwIfAborted();
        return uniqueAddresses(answers.merge(new Map(found), resolver.getServers()));
      } finally {
        signal.removeEventListener('abort', cancel);
      }
    },
  };
}

/** Cancelling ends what has been asked; what has not must not begin any more, or it would outlive its poll. */
function unlessAborted(resolver: Resolver, signal: AbortSignal): DnsQuestions {
  return {
    async resolve4(name) {
      signal.throwIfAborted();
      return resolver.resolve4(name);
    },
    async resolve6(name) {
      signal.throwIfAborted();
      return resolver.resolve6(name);
    },
    async resolveSrv(name) {
      signal.throwIfAborted();
      return resolver.resolveSrv(name);
    },
  };
}
