/** What multicast() can be told, and what it makes of it. */
import { isIPv4, isIPv6 } from 'node:net';
import { normalizeHost } from '../../address.js';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  checkOptions,
  expected,
  integerRule,
  optionalRule,
  type OptionRules,
  pollIntervalRule,
  portRule,
} from '../../option-check.js';

/** Options of {@link multicast}. */
export interface MulticastOptions {
  /** Which of both to use; a network that has both needs one only. @default that of `group`, else 'IPv4' */
  readonly family?: 'IPv4' | 'IPv6';
  /**
   * The multicast address at which nodes ask for each other; the same for all that shall meet. An IPv6 address without
   * a zone: the interface is an option of its own.
   * @default '239.255.67.70', or 'ff02::1:6770' with IPv6
   */
  readonly group?: string;
  /** The UDP port of the group, which the processes of one machine share; the same for all. @default 4370 */
  readonly port?: number;
  /**
   * The one interface to use: its name, or an address that it has.
   * @default all that are up, but for loopback; loopback where there is no other
   */
  readonly interface?: string;
  /** How many routers a question may pass, less one: 1 to 255. More than 1 needs routers that forward multicast. @default 1 */
  readonly ttl?: number;
  /**
   * How often to ask who is there, in milliseconds, 100 to 3 600 000. Whoever did not answer three times, and for as long
   * as three polls, is listed no more. Newcomers and those who leave are noticed at once.
   * @default 5000
   */
  readonly pollIntervalMs?: number;
}

/** The values of {@link MulticastOptions} that may be left out. */
export const DEFAULT_MULTICAST_OPTIONS = {
  family: 'IPv4',
  /** By family: of the local scope (RFC 2365), and of the link (RFC 4291). */
  group: { IPv4: '239.255.67.70', IPv6: 'ff02::1:6770' },
  port: 4_370,
  ttl: 1,
  pollIntervalMs: 5_000,
} as const;

/** Checked and complete. */
export interface ResolvedMulticastOptions {
  readonly family: 'IPv4' | 'IPv6';
  readonly group: string;
  readonly port: number;
  /** Undefined: every interface that will do. */
  readonly interface: string | undefined;
  readonly ttl: number;
  readonly pollIntervalMs: number;
}

const RULES: OptionRules<MulticastOptions> = {
  family: optionalRule((value) =>
    value === 'IPv4' || value === 'IPv6' ? undefined : expected("'IPv4' or 'IPv6'", value),
  ),
  group: optionalRule((value) => {
    const what = 'a multicast address (224.0.0.0 to 239.255.255.255, or ff00::/8, without a zone)';
    return typeof value === 'string' && familyOfGroup(value) !== undefined ? undefined : expected(what, value);
  }),
  port: optionalRule(portRule),
  interface: optionalRule((value) =>
    typeof value === 'string' && value !== '' ? undefined : expected('the name or an address of an interface', value),
  ),
  ttl: optionalRule(integerRule(1, 255)),
  pollIntervalMs: optionalRule(pollIntervalRule),
};

/** @throws {@link DiscoveryOptionsError} naming every problem. */
export function resolveMulticastOptions(options: MulticastOptions = {}): ResolvedMulticastOptions {
  const problems = checkOptions(options, RULES);
  const { group } = options ?? {};
  const ofGroup = typeof group === 'string' ? familyOfGroup(group) : undefined;
  const family = options?.family ?? ofGroup ?? DEFAULT_MULTICAST_OPTIONS.family;
  if (ofGroup !== undefined && ofGroup !== family)
    problems.push(`group ${group} is of ${ofGroup}, while family is ${family}`);
  if (problems.length > 0) throw new DiscoveryOptionsError('multicast()', problems);
  return {
    family,
    group: normalizeHost(group ?? DEFAULT_MULTICAST_OPTIONS.group[family]),
    port: options.port ?? DEFAULT_MULTICAST_OPTIONS.port,
    interface: options.interface,
    ttl: options.ttl ?? DEFAULT_MULTICAST_OPTIONS.ttl,
    pollIntervalMs: options.pollIntervalMs ?? DEFAULT_MULTICAST_OPTIONS.pollIntervalMs,
  };
}

function familyOfGroup(group: string): 'IPv4' | 'IPv6' | undefined {
  const address = normalizeHost(group);
  if (isIPv4(address)) return /^2(?:2[4-9]|3\d)\./.test(address) ? 'IPv4' : undefined;
  return isIPv6(address) && /^ff[0-9a-f]{2}:/.test(address) && !address.includes('%') ? 'IPv6' : undefined;
}
