/** What a node writes about itself into Redis, under which keys, and how others make sure that it did. Pure. */
import { createHash } from 'node:crypto';
import { type DiscoverySelf, hostRule, type PeerAddress, portRule } from 'rookery/discovery';

/** The keys of one cluster. All have one hash tag, so that Redis Cluster keeps them together. */
export interface LeaseKeys {
  /** The set of incarnations that announced themselves, of which some may be gone. */
  readonly index: string;
  /** What an incarnation wrote, for as long as its lease lasts. */
  lease(incarnation: string): string;
}

/** What signs and checks leases: see {@link DiscoveryContext}. */
export interface LeaseSeal {
  sign(message: Uint8Array): Buffer;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** A longer value is no lease. */
export const MAX_LEASE_LENGTH = 2_048;

/** Longer names are cut. */
const MAX_NAME_LENGTH = 256;

const INCARNATION = /^[0-9a-f]{16}$/;

/**
 * The keys of a cluster; its name is not readable in them.
 *
 * @example
 * leaseKeys('rookery', 'shop').index; // 'rookery:{' and 16 hexadecimal digits and '}:nodes'
 */
export function leaseKeys(prefix: string, cluster: string): LeaseKeys {
  const digest = createHash('sha256').update(`rookery/redis/cluster/v1\0${cluster}`).digest('hex').slice(0, 16);
  const tagged = `${prefix}:{${digest}}`;
  return { index: `${tagged}:nodes`, lease: (incarnation) => `${tagged}:${incarnation}` };
}

/** Whether a member of the index can be an incarnation. */
export function isIncarnation(member: unknown): member is string {
  return typeof member === 'string' && INCARNATION.test(member);
}

/** The value of a lease: JSON with the address, the name for whoever looks into Redis, and a signature. */
export function encodeLease(self: DiscoverySelf, { host, port }: PeerAddress, seal: LeaseSeal): string {
  const name = self.name.slice(0, MAX_NAME_LENGTH);
  const signature = seal.sign(signed(self.cluster, self.incarnation, host, port)).toString('base64url');
  return JSON.stringify({ host, port, name, signature });
}

/** The address in a value that the incarnation itself wrote; undefined for anything else. Never throws. */
export function decodeLease(
  value: unknown,
  cluster: string,
  incarnation: string,
  seal: LeaseSeal,
): PeerAddress | undefined {
  if (typeof value !== 'string' || value.length > MAX_LEASE_LENGTH) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    // It is somebody else's.
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { host, port, signature } = parsed as Record<string, unknown>;
  if (hostRule(host) !== undefined || portRule(port) !== undefined || typeof signature !== 'string') return undefined;
  const address = { host: host as string, port: port as number };
  const message = signed(cluster, incarnation, address.host, address.port);
  return seal.verify(message, Buffer.from(signature, 'base64url')) ? address : undefined;
}

/** JSON keeps apart what stands beside each other. */
function signed(cluster: string, incarnation: string, host: string, port: number): Buffer {
  return Buffer.from(`rookery/redis/v1\0${JSON.stringify([cluster, incarnation, host, port])}`);
}
