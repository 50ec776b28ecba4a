/** On which interfaces to ask and to listen. Pure. */
import { isIPv6 } from 'node:net';
import { normalizeHost } from '../../address.js';

/** One entry of `os.networkInterfaces()`, as far as it matters here. */
export interface LocalAddress {
  readonly address: string;
  readonly family: string;
  readonly internal: boolean;
  readonly scopeid?: number;
}

/** One interface to use. */
export interface MulticastInterface {
  readonly name: string;
  /** How Node is told of it: an address for IPv4, `::%` and a zone for IPv6. */
  readonly handle: string;
}

/** More are left out: the system allows one socket few memberships, 20 on Linux. */
export const MAX_INTERFACES = 16;

/** The interfaces to use, and what keeps others from being used. */
export interface ChosenInterfaces {
  readonly interfaces: readonly MulticastInterface[];
  /** Names of those that are left out because there are too many. */
  readonly leftOut: readonly string[];
  /** Why there is none, with the remedy; undefined when there is one. */
  readonly problem: string | undefined;
}

/**
 * Chooses among what `os.networkInterfaces()` tells, which are those that are up. Without a wish, all but loopback; loopback
 * if it is the only one, so that processes of a machine without a network meet.
 *
 * @param wanted - a name or an address; undefined for every interface that will do.
 * @param isWindows - whether zones are numbers.
 */
export function chooseInterfaces(
  all: Readonly<Record<string, readonly LocalAddress[] | undefined>>,
  family: 'IPv4' | 'IPv6',
  wanted: string | undefined,
  isWindows: boolean,
): ChosenInterfaces {
  const usable: (MulticastInterface & { readonly isInternal: boolean })[] = [];
  for (const [name, addresses = []] of Object.entries(all)) {
    const own = addresses.find((address) => address.family === family);
    if (own === undefined || !isWanted(wanted, name, addresses)) continue;
    // The zone of the link-local address is that of the interface; other addresses have zone 0.
    const scopeid = addresses.reduce((found, address) => found || (address.scopeid ?? 0), 0);
    const handle = family === 'IPv4' ? own.address : `::%${isWindows ? scopeid : name}`;
    usable.push({ name, handle, isInternal: own.internal });
  }
  const external = usable.filter(({ isInternal }) => !isInternal);
  const chosen = wanted === undefined && external.length > 0 ? external : usable;
  const interfaces = chosen.slice(0, MAX_INTERFACES).map(({ name, handle }) => ({ name, handle }));
  const leftOut = chosen.slice(MAX_INTERFACES).map(({ name }) => name);
  const names = Object.keys(all).join(', ') || 'none';
  const what =
    wanted === undefined ? `no interface has an address of ${family}` : `no interface ${wanted} with ${family} is up`;
  const remedy =
    wanted === undefined ? 'bring one up, or choose the other family' : 'bring it up, or choose another one';
  const problem = interfaces.length > 0 ? undefined : `${what}: ${remedy} (up are: ${names})`;
  return { interfaces, leftOut, problem };
}

function isWanted(wanted: string | undefined, name: string, addresses: readonly LocalAddress[]): boolean {
  if (wanted === undefined || wanted === name) return true;
  const host = normalizeHost(wanted);
  const bare = isIPv6(host) ? host.replace(/%.*/, '') : host;
  return addresses.some(({ address }) => normalizeHost(address).replace(/%.*/, '') === bare);
}
