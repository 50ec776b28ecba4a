/** Addresses as text: one spelling for each, so that the same peer found twice is dialled once. Pure. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';
import type { PeerAddress } from './discovery-strategy.js';

/** One entry of `os.networkInterfaces()`, as far as it matters here. */
export interface InterfaceAddress {
  readonly address: string;
  /** The numeric IPv6 zone. */
  readonly scopeid?: number;
}

/** What `os.networkInterfaces()` returns: the addresses of this host by interface name. */
export type HostInterfaces = Readonly<Record<string, readonly InterfaceAddress[] | undefined>>;

const MAPPED_PREFIX = '::ffff:';

/**
 * The one spelling of a host: lower-case, without brackets, IPv6 compressed as RFC 5952 asks, an IPv4-mapped IPv6
 * address as plain IPv4. A zone (`fe80::1%eth0`) keeps its case, and a name keeps its final dot, which switches the
 * resolver's search domains off. Anything that is no address is taken for a name; nothing is resolved or refused.
 *
 * @example
 * normalizeHost('[2001:DB8:0:0::1]'); // '2001:db8::1'
 * normalizeHost('::ffff:10.0.3.7');   // '10.0.3.7'
 */
export function normalizeHost(host: string): string {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  // The colon is looked for first: the test of Node takes its time, and this is asked often.
  if (!bare.includes(':') || !isIPv6(bare)) return bare.toLowerCase();
  const [address, zone] = splitZone(bare);
  const text = new SocketAddress({ address, family: 'ipv6' }).address;
  const mapped = text.startsWith(MAPPED_PREFIX) ? text.slice(MAPPED_PREFIX.length) : '';
  if (isIPv4(mapped)) return mapped;
  return zone === undefined ? text : `${text}%${zone}`;
}

/**
 * The canonical text of an address: a key for maps, and readable in a log.
 *
 * @example
 * addressKey({ host: '::ffff:10.0.3.7', port: 4370 }); // '10.0.3.7:4370'
 * addressKey({ host: '::1', port: 4370 });             // '[::1]:4370'
 */
export function addressKey(address: PeerAddress): string {
  const host = normalizeHost(address.host);
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/**
 * The addresses without repetition, each host in its one spelling, sorted by {@link addressKey}: the same set of
 * peers gives the same list, however the answer was shuffled on its way.
 */
export function uniqueAddresses(addresses: Iterable<PeerAddress>): PeerAddress[] {
  const byKey = new Map<string, PeerAddress>();
  for (const { host, port } of addresses) {
    const address = { host: normalizeHost(host), port };
    byKey.set(addressKey(address), address);
  }
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, address]) => address);
}

/** Whether the host means "this very machine, reachable from nowhere else": `127.0.0.0/8`, `::1`, `localhost`. */
export function isLoopback(host: string): boolean {
  const normal = normalizeHost(host);
  if (isIPv4(normal)) return normal.startsWith('127.');
  return splitZone(normal)[0] === '::1' || normal === 'localhost' || normal.endsWith('.localhost');
}

/** Whether the host means "every address of the machine" (`0.0.0.0`, `::`): one can listen there, others cannot dial it. */
export function isUnspecified(host: string): boolean {
  const normal = normalizeHost(host);
  return normal === '0.0.0.0' || splitZone(normal)[0] === '::';
}

/**
 * Whether the host surely leads to this machine: loopback, unspecified (dialling it arrives here), or an address of
 * one of its interfaces. False for names, except `localhost`: where they lead is known only once they are resolved.
 * An address with a zone must belong to that very interface, for link-local addresses repeat from link to link.
 *
 * @example
 * isThisHost('10.0.3.7', os.networkInterfaces());
 */
export function isThisHost(host: string, interfaces: HostInterfaces): boolean {
  if (isLoopback(host) || isUnspecified(host)) return true;
  const [address, zone] = splitZone(normalizeHost(host));
  for (const [name, addresses] of Object.entries(interfaces)) {
    for (const own of addresses ?? []) {
      const sameLink = zone === undefined || zone === name || zone === String(own.scopeid);
      if (sameLink && splitZone(normalizeHost(own.address))[0] === address) return true;
    }
  }
  return false;
}

function splitZone(host: string): [address: string, zone: string | undefined] {
  const at = host.indexOf('%');
  return at < 0 ? [host, undefined] : [host.slice(0, at), host.slice(at + 1)];
}
