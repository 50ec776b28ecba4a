/** Peers by DNS: the A and AAAA records of a name, or the SRV records of a service. */
import { Resolver } from 'node:dns/promises';
import { uniqueAddresses } from '../../address.js';
import type { Timer } from '@rookery/runtime';
import type { DiscoveryContext, DiscoveryStrategy } from '../../discovery-strategy.js';
import { DnsAnswers } from './dns-answers.js';
import { type DnsQuestions, lookupAddresses, type LookupAnswer, lookupFirst, lookupService } from './dns-lookup.js';
import { type DnsOptions, type ResolvedDnsOptions, resolveDnsOptions } from './dns-options.js';
import { candidateNames, machineSearchDomains } from './dns-search.js';

/** However short the time to live of a record is, it is not asked for more often. */
const MIN_TTL_MS = 1_000;

/**
 * Peers by DNS: a headless service, a Compose service, a Consul or cloud name with one record for each replica.
 *
 * - *Nobody yet.* A name that does not exist, or has no such records, is an empty answer: the first replica starts alone.
 * - *Unknown.* A server that is silent, refuses or fails makes `discover` reject, and the peers found before stay. What
 *   one address family, one target or one of several names answered is used although another failed.
 * - *Search domains.* A name is asked for as it is written, and if nobody is listed there, with each search domain of the
 *   machine; a spelling that had peers and gets no answer now is not replaced by another one. A final dot switches that off (`app.shop.internal.`). The hosts file does not apply: for names in it use
 *   {@link staticPeers}.
 * - *Time to live.* Nothing is cached here: every poll asks anew. Records that are good for less than the poll's interval are
 *   asked for again when their time is over. A time of 0 says "do not cache", which is how it is.
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
  return dnsStrategy('dns', resolveDnsOptions(options));
}

/** {@link dns} under another name, and with words of its own where nobody is listed. @internal */
export function dnsStrategy(
  strategyName: string,
  { hostnames, pollIntervalMs, servers, searchDomains, timeoutMs, records }: ResolvedDnsOptions,
  advice?: string,
): DiscoveryStrategy {
  const answers = new DnsAnswers(records.type === 'SRV' ? 'SRV' : 'A or AAAA', advice);
  let context: DiscoveryContext | undefined;
  let expiry: Timer | undefined;

  const lookup = (questions: DnsQuestions, name: string): Promise<LookupAnswer> =>
    records.type === 'SRV'
      ? lookupService(questions, name, records.port)
      : lookupAddresses(questions, name, records.port);

  /** Asks for a poll when the shortest-lived record has had its time, where that is before the next poll. */
  const expireAfter = (ttlSeconds: readonly number[]): void => {
    expiry?.cancel();
    const short = ttlSeconds.map((ttl) => ttl * 1_000).filter((ttlMs) => ttlMs > 0 && ttlMs < pollIntervalMs);
    if (short.length === 0 || context === undefined) return;
    expiry = context.clock.after(Math.max(MIN_TTL_MS, Math.min(...short)), () => context?.changed());
  };

  return {
    name: strategyName,
    pollIntervalMs,
    start(given) {
      context = given;
      answers.logger = given.logger;
    },
    withdraw() {
      context = undefined;
      expiry?.cancel();
      return Promise.resolve();
    },
    explain: () => answers.explain(),
    async discover(signal) {
      signal.throwIfAborted();
      // A resolver for each poll: it reads a changed /etc/resolv.conf, has no cache to serve, and cancels no other poll.
      const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
      if (servers !== undefined) resolver.setServers(servers);
      const cancel = (): void => resolver.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      try {
        const questions = unlessAborted(resolver, signal);
        const domains = searchDomains ?? (await machineSearchDomains());
        const found = await Promise.all(
          hostnames.map(async (name) => {
            const ask = (candidate: string): Promise<LookupAnswer> => lookup(questions, candidate);
            return [name, await lookupFirst(candidateNames(name, domains), ask, answers.spellingOf(name))] as const;
          }),
        );
        signal.throwIfAborted();
        const addresses = uniqueAddresses(answers.merge(new Map(found), resolver.getServers()));
        expireAfter(found.flatMap(([, { ttlSeconds }]) => ttlSeconds ?? []));
        return addresses;
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
      return resolver.resolve4(name, { ttl: true });
    },
    async resolve6(name) {
      signal.throwIfAborted();
      return resolver.resolve6(name, { ttl: true });
    },
    async resolveSrv(name) {
      signal.throwIfAborted();
      return resolver.resolveSrv(name);
    },
  };
}
