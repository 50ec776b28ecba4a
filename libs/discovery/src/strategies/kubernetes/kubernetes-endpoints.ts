/** What objects of Kubernetes say about who is there: endpoint slices and pods to addresses. Pure, and trusts no field. */
import { isIPv4, isIPv6 } from 'node:net';
import { addressKey, normalizeHost } from '../../address.js';
import type { PeerAddress } from '../../discovery-strategy.js';
import { isRecord } from '../../option-check.js';

/** What an address is made of, apart from the object. */
export interface EndpointChoice {
  /** A number for every endpoint alike, or the name that a port has in the object. */
  readonly port: number | string;
  /** Whether those count that do not say they are ready. */
  readonly includeNotReady: boolean;
}

/** Why an endpoint gives no address. */
export type LeftOutReason = 'not-ready' | 'no-such-port' | 'no-address' | 'finished';

/** What one object contributes. */
export interface Contribution {
  readonly addresses: readonly PeerAddress[];
  /** How many of its endpoints were left out, by reason. */
  readonly leftOut: Readonly<Partial<Record<LeftOutReason, number>>>;
  /** The names of ports that it has, where the one asked for is not among them. */
  readonly portNames: readonly string[];
}

/** Turns an object of one kind into what it contributes; never throws, whatever it is given. */
export type Reader = (object: Readonly<Record<string, unknown>>, choice: EndpointChoice) => Contribution;

/** The API server refuses slices with more. */
const MAX_ENDPOINTS_PER_SLICE = 1_000;
/** For messages; a container has a handful. */
const MAX_PORT_NAMES = 8;

/**
 * A slice of `discovery.k8s.io/v1`. Slices of both families list a pod of a dual-stack cluster: both addresses count.
 * Names (`FQDN`) are passed over: no controller of Kubernetes writes them. Of several addresses of an endpoint only the
 * first has a meaning.
 */
export const readEndpointSlice: Reader = (slice, { port, includeNotReady }) => {
  const endpoints = listOf(slice['endpoints']).slice(0, MAX_ENDPOINTS_PER_SLICE);
  const isFamily = slice['addressType'] === 'IPv6' ? isIPv6 : slice['addressType'] === 'IPv4' ? isIPv4 : () => false;
  const ports = listOf(slice['ports']);
  const number = typeof port === 'number' ? port : portNumber(ports, port, 'port');
  if (number === undefined) return nothing('no-such-port', endpoints.length, portNames(ports));

  const addresses: PeerAddress[] = [];
  const leftOut: Partial<Record<LeftOutReason, number>> = {};
  for (const endpoint of endpoints) {
    const host = firstOf(endpoint['addresses']);
    if (!includeNotReady && !isServing(endpoint['conditions'])) count(leftOut, 'not-ready');
    else if (host === undefined || !isFamily(host)) count(leftOut, 'no-address');
    else addresses.push({ host: normalizeHost(host), port: number });
  }
  return { addresses, leftOut, portNames: [] };
};

/**
 * Conditions that are missing mean yes. One that ends still serves for a while, and says so in `serving` alone: it is not
 * left out for ending.
 */
function isServing(conditions: unknown): boolean {
  if (!isRecord(conditions)) return true;
  return (conditions['serving'] ?? conditions['ready']) !== false;
}

/** A pod of `v1`, with all the addresses of its network. One that is finished has given its address back, though it still shows it. */
export const readPod: Reader = (pod, { port, includeNotReady }) => {
  const status = isRecord(pod['status']) ? pod['status'] : {};
  const spec = isRecord(pod['spec']) ? pod['spec'] : {};
  if (status['phase'] === 'Succeeded' || status['phase'] === 'Failed') return nothing('finished', 1);
  if (!includeNotReady && !isReady(status)) return nothing('not-ready', 1);
  // A sidecar is an init container that goes on running.
  const containers = [...listOf(spec['containers']), ...listOf(spec['initContainers'])];
  const ports = containers.flatMap((container) => listOf(container['ports']));
  const number = typeof port === 'number' ? port : portNumber(ports, port, 'containerPort');
  if (number === undefined) return nothing('no-such-port', 1, portNames(ports));
  const hosts = [...listOf(status['podIPs']).map(({ ip }) => ip), status['podIP']].filter(isAddress);
  // It has none before its network is made.
  if (hosts.length === 0) return nothing('no-address', 1);
  const addresses = new Map<string, PeerAddress>();
  for (const host of hosts) {
    const address = { host: normalizeHost(host), port: number };
    addresses.set(addressKey(address), address);
  }
  return { addresses: [...addresses.values()], leftOut: {}, portNames: [] };
};

function isReady(status: Readonly<Record<string, unknown>>): boolean {
  return listOf(status['conditions']).some(({ type, status: value }) => type === 'Ready' && value === 'True');
}

function isAddress(host: unknown): host is string {
  return isText(host) && (isIPv4(host) || isIPv6(host));
}

/** The number of the port with this name, if it is one of TCP and can be dialled. */
function portNumber(
  ports: readonly Readonly<Record<string, unknown>>[],
  name: string,
  key: 'port' | 'containerPort',
): number | undefined {
  const found = ports.find((port) => port['name'] === name && (port['protocol'] ?? 'TCP') === 'TCP');
  const number = found?.[key];
  return Number.isInteger(number) && (number as number) >= 1 && (number as number) <= 65_535
    ? (number as number)
    : undefined;
}

function portNames(ports: readonly Readonly<Record<string, unknown>>[]): string[] {
  const names = ports.map(({ name }) => name).filter((name) => isText(name) && name !== '');
  return [...new Set(names as string[])].slice(0, MAX_PORT_NAMES);
}

function nothing(reason: LeftOutReason, times: number, names: readonly string[] = []): Contribution {
  return { addresses: [], leftOut: times === 0 ? {} : { [reason]: times }, portNames: names };
}

function count(leftOut: Partial<Record<LeftOutReason, number>>, reason: LeftOutReason): void {
  leftOut[reason] = (leftOut[reason] ?? 0) + 1;
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function firstOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return isText(first) ? first : undefined;
}

/** What is meant to be a list of objects, without the entries that are none. */
function listOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
