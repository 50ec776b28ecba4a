/** What dns() can be told, and what it makes of it. */
import { isIP, isIPv6 } from 'node:net';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  checkOptions,
  dnsNameRule,
  expected,
  integerRule,
  listRule,
  oneOrMoreRule,
  optionalRule,
  type OptionRule,
  type OptionRules,
  pollIntervalRule,
  portRule,
} from '../../option-check.js';

/** What both kinds of {@link DnsOptions} have in common. */
export interface DnsBaseOptions {
  /**
   * The name to ask for, or up to 16 of them. The hosts file of the machine does not apply (see {@link dns}).
   */
  readonly hostname: string | readonly string[];
  /**
   * How often to ask, in milliseconds, 100 to 3 600 000. Shorter finds new peers sooner, for more queries. Records whose time
   * to live is shorter are asked for again when it is over, though at most once a second; a longer one changes nothing.
   * @default 5000
   */
  readonly pollIntervalMs?: number;
  /**
   * Up to 16 name servers to ask, in this order: IP addresses, each with its port if that is not 53 (`10.0.0.53`,
   * `[fd00::53]:5353`).
   * @default those of the machine
   */
  readonly servers?: readonly string[];
  /**
   * What is appended to a name that does not end in a dot and is listed nowhere as it is written: up to 32 domains, tried in
   * this order.
   * @default those of the machine (`search` in `/etc/resolv.conf`), or none where `servers` are given
   */
  readonly searchDomains?: readonly string[];
  /**
   * How long a name server may take, in milliseconds, 50 to 60 000. Each server is asked once, then the next one. Node
   * notices at its own pace: less than 250 makes no difference, and up to a second may pass on top.
   * @default 2000
   */
  readonly timeoutMs?: number;
}

/** Every address of a name is a peer. */
export interface DnsAddressOptions extends DnsBaseOptions {
  /** Which records to ask for: A and AAAA, both at the same time. @default 'A/AAAA' */
  readonly type?: 'A/AAAA';
  /** The port on which the peers listen. */
  readonly port: number;
}

/** Every target of a service is a peer, at the port that its record names. */
export interface DnsServiceOptions extends DnsBaseOptions {
  /** Which records to ask for: SRV, then A and AAAA of up to 256 targets. */
  readonly type: 'SRV';
  /** For records that leave the port open (0). @default such records are passed over */
  readonly port?: number;
}

/** Options of {@link dns}. */
export type DnsOptions = DnsAddressOptions | DnsServiceOptions;

/** The values of {@link DnsOptions} that may be left out. */
export const DEFAULT_DNS_OPTIONS = { type: 'A/AAAA', pollIntervalMs: 5_000, timeoutMs: 2_000 } as const;

/** Checked and complete. */
export interface ResolvedDnsOptions {
  readonly hostnames: readonly string[];
  readonly pollIntervalMs: number;
  /** Undefined: those of the machine. */
  readonly servers: readonly string[] | undefined;
  /** Undefined: those of the machine. */
  readonly searchDomains: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly records:
    { readonly type: 'A/AAAA'; readonly port: number } | { readonly type: 'SRV'; readonly port?: number };
}

/** @throws {@link DiscoveryOptionsError} naming every problem. */
export function resolveDnsOptions(options: DnsOptions): ResolvedDnsOptions {
  const problems = checkOptions(options, dnsRules(options));
  if (problems.length > 0) throw new DiscoveryOptionsError('dns()', problems);
  const { hostname, servers } = options;
  return {
    hostnames: typeof hostname === 'string' ? [hostname] : [...new Set(hostname)],
    pollIntervalMs: options.pollIntervalMs ?? DEFAULT_DNS_OPTIONS.pollIntervalMs,
    servers: servers && [...servers],
    searchDomains: options.searchDomains ? [...options.searchDomains] : servers && [],
    timeoutMs: options.timeoutMs ?? DEFAULT_DNS_OPTIONS.timeoutMs,
    records:
      options.type === 'SRV'
        ? { type: 'SRV', port: options.port }
        : { type: DEFAULT_DNS_OPTIONS.type, port: options.port },
  };
}

/** Name servers: see {@link DnsBaseOptions.servers}. */
export const serversRule: OptionRule = listRule((value) => {
  const what = "an IP address, with or without a port ('10.0.0.53', '[fd00::53]:5353')";
  return typeof value === 'string' && isServer(value) ? undefined : expected(what, value);
}, 16);

function dnsRules(options: Partial<DnsOptions> | undefined): OptionRules<DnsServiceOptions> {
  return {
    hostname: oneOrMoreRule(dnsNameRule, 16),
    type: optionalRule((type) =>
      type === 'SRV' || type === 'A/AAAA' ? undefined : expected("'A/AAAA' or 'SRV'", type),
    ),
    port: options?.type === 'SRV' ? optionalRule(portRule) : portRule,
    pollIntervalMs: optionalRule(pollIntervalRule),
    servers: optionalRule(serversRule),
    searchDomains: optionalRule((value) =>
      Array.isArray(value) && value.length === 0 ? undefined : listRule(dnsNameRule, 32)(value),
    ),
    timeoutMs: optionalRule(integerRule(50, 60_000)),
  };
}

const SERVER_WITH_PORT = /^(?:\[(?<ipv6>[^\]]+)\]|(?<ipv4>[\d.]+))(?::(?<port>\d{1,5}))?$/;

function isServer(text: string): boolean {
  if (isIPv6(text)) return true;
  const { ipv4, ipv6, port = '53' } = SERVER_WITH_PORT.exec(text)?.groups ?? {};
  const isAddress = ipv4 === undefined ? isIPv6(ipv6 ?? '') : isIP(ipv4) === 4;
  return isAddress && portRule(Number(port)) === undefined;
}
