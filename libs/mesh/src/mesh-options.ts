/** What a mesh can be told, what holds when it is not told, and every reason to refuse it, all at once. */
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { closest, type DiscoveryStrategy, local, type PeerAddress } from 'rookery/discovery';
import { type Logger, type Random, stderrLogger, steadyLogger } from '@rookery/runtime';
import { decode } from './codec/decode.js';
import { encode } from './codec/encode.js';
import { ClusterOptionsError } from './errors.js';
import type { MemberMetadata } from './membership/member.js';
import { frozen, metadataProblem } from './membership/metadata.js';
import { MIN_FRAME_BYTES_LIMIT } from './protocol/frame.js';
import { MAX_METADATA_BYTES, MAX_NAME_LENGTH } from './protocol/list-frames.js';
import { cookieProblem, homeCookie, SecretCookie } from './transport/cookie.js';

/** Bounds and budgets. The defaults suit 2 to 50 nodes. */
export interface MeshLimits {
  /** How much of our own past is kept for peers that are away or slow, in bytes. @default 16777216 (16 MiB) */
  windowBytes: number;
  /** How old that past may be, in milliseconds. @default 300000 (5 min) */
  windowMs: number;
  /** The newest part of the window, in bytes, which is kept longer. @default 1048576 (1 MiB), `windowBytes` at most */
  keptBytes: number;
  /** How long the newest part is kept, in milliseconds. @default 1800000 (30 min), `windowMs` at least */
  keptMs: number;
  /**
   * The largest frame sent or accepted, in bytes; a publication is its payload, its topic and 9 bytes. Not more than
   * `windowBytes`. @default 1048576 (1 MiB)
   */
  maxFrameBytes: number;
  /** What all heartbeats of an idle node may cost together. More buys faster detection in large meshes. @default 1000 */
  idleBytesPerSecond: number;
  /** Events that may wait for one subscription's handler; one more is a gap `slow-handler`. @default 10000 */
  maxQueuedEvents: number;
  /** Payload bytes that may wait for one subscription's handler. @default 16777216 (16 MiB) */
  maxQueuedBytes: number;
  /** Calls of this node that may wait for their answers, and calls of one member that may be answered here, at once. @default 10000 */
  maxPendingCalls: number;
  /** How long `ready()` waits for the first mesh, in milliseconds. @default 3000 */
  readyTimeoutMs: number;
  /** How long `leave()` waits for running calls, and then for acknowledgements, in milliseconds each. @default 2000 */
  leaveTimeoutMs: number;
}

export const DEFAULT_MESH_LIMITS: MeshLimits = {
  windowBytes: 16 * 1024 * 1024,
  windowMs: 5 * 60_000,
  keptBytes: 1024 * 1024,
  keptMs: 30 * 60_000,
  maxFrameBytes: 1024 * 1024,
  idleBytesPerSecond: 1_000,
  maxQueuedEvents: 10_000,
  maxQueuedBytes: 16 * 1024 * 1024,
  maxPendingCalls: 10_000,
  readyTimeoutMs: 3_000,
  leaveTimeoutMs: 2_000,
};

/** The smallest and largest value that each limit makes sense with. */
const LIMIT_RANGES: Readonly<Record<keyof MeshLimits, readonly [number, number]>> = {
  windowBytes: [4 * 1024, 2 ** 30],
  windowMs: [100, 24 * 3_600_000],
  keptBytes: [0, 2 ** 30],
  keptMs: [100, 24 * 3_600_000],
  maxFrameBytes: [MIN_FRAME_BYTES_LIMIT, 64 * 1024 * 1024],
  idleBytesPerSecond: [100, 1_000_000],
  maxQueuedEvents: [1, 10_000_000],
  maxQueuedBytes: [1024, 2 ** 30],
  maxPendingCalls: [1, 1_000_000],
  readyTimeoutMs: [0, 600_000],
  leaveTimeoutMs: [0, 600_000],
};

export interface MeshOptions {
  /** Nodes of other clusters are refused, even with the same cookie. @default 'default' */
  cluster?: string;
  /** A label for people; may repeat. @default the host's name and a short suffix */
  name?: string;
  /**
   * The secret that all nodes share: it authenticates and encrypts every link. At least 16 characters.
   * @default with `local` discovery alone, `~/.rookery.cookie`, made at the first start; required otherwise
   */
  cookie?: string;
  /**
   * Where to accept peers.
   * @default with `local` discovery alone, a free port of 127.0.0.1; otherwise port 4370 of every interface
   */
  listen?: { host?: string; port?: number };
  /** What others should dial, where they cannot reach the address we listen on (NAT, published ports). @default what they see */
  advertise?: { host: string; port?: number };
  /** How to find peers: one strategy or several. @default local() */
  discovery?: DiscoveryStrategy | readonly DiscoveryStrategy[];
  /**
   * Up to 1 KiB about this node for all others, such as `{ zone: 'eu-1' }`: text, numbers, booleans, `null`, lists and plain
   * objects, up to 16 levels. Copied at the start. @default {}
   */
  metadata?: Record<string, unknown>;
  /** Bounds and budgets. */
  limits?: Partial<MeshLimits>;
  /** Where to write. @default warnings and errors to standard error */
  logger?: Logger;
}

/** What the mesh runs with: complete and checked. */
export interface ResolvedMeshOptions {
  readonly cluster: string;
  readonly name: string;
  readonly cookie: SecretCookie;
  readonly listen: PeerAddress;
  readonly advertise: { readonly host: string; readonly port: number | undefined } | undefined;
  readonly discovery: readonly DiscoveryStrategy[];
  readonly metadata: MemberMetadata;
  readonly limits: Readonly<MeshLimits>;
  readonly logger: Logger;
}

const OPTION_NAMES: readonly (keyof MeshOptions)[] = [
  'cluster',
  'name',
  'cookie',
  'listen',
  'advertise',
  'discovery',
  'metadata',
  'limits',
  'logger',
];

const DEFAULT_PORT = 4370;
/** More often would be a loop, not a poll. */
const MIN_POLL_INTERVAL_MS = 10;

/**
 * Checks and completes options.
 * @throws ClusterOptionsError with every problem; ClusterError `CLUSTER_COOKIE_UNAVAILABLE`
 */
export function resolveMeshOptions(given: MeshOptions, random: Random): ResolvedMeshOptions {
  if (!isObject(given) || typeof given['then'] === 'function') {
    throw new ClusterOptionsError(["options: must be an object such as { cluster: 'my-app' }, and no promise of one."]);
  }
  const problems: string[] = [];
  rejectUnknown('', given, OPTION_NAMES, problems);
  // Each is read once: behind a getter, what was checked need not be what a second look finds.
  const options = Object.fromEntries(OPTION_NAMES.map((name) => [name, given[name]])) as MeshOptions;

  const discovery = resolveDiscovery(options.discovery, problems);
  const isLocal = discovery.every((strategy) => strategy.scope === 'user');
  const resolved = {
    cluster: resolveLabel('cluster', options.cluster, 'default', problems),
    name: resolveLabel('name', options.name, `${hostname()}-${random.bytes(2).toString('hex')}`, problems),
    listen: resolveListen(options.listen, isLocal, problems),
    advertise: resolveAdvertise(options.advertise, problems),
    discovery,
    metadata: resolveMetadata(options.metadata, problems),
    limits: resolveLimits(options.limits, problems),
    logger: resolveLogger(options.logger, problems),
  };
  checkCookie(options.cookie, isLocal, problems);
  if (problems.length > 0) throw new ClusterOptionsError(problems);
  return { ...resolved, cookie: new SecretCookie(options.cookie ?? homeCookie(random)) };
}

function rejectUnknown(prefix: string, value: object, known: readonly string[], problems: string[]): void {
  // What is inherited counts as well: options may lie on top of others.
  for (const key in value) {
    if (known.includes(key)) continue;
    const suggestion = closest(key, known);
    const mend =
      suggestion === undefined ? `Known are: ${known.join(', ')}.` : `Did you mean '${prefix}${suggestion}'?`;
    problems.push(`${prefix}${key}: unknown option. ${mend}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function resolveLabel(option: string, value: unknown, fallback: string, problems: string[]): string {
  if (value === undefined) return fallback;
  if (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= MAX_NAME_LENGTH &&
    !/\p{Surrogate}/u.test(value)
  ) {
    return value;
  }
  problems.push(`${option}: must be a text of 1 to ${MAX_NAME_LENGTH} characters.`);
  return fallback;
}

function checkCookie(cookie: unknown, isLocal: boolean, problems: string[]): void {
  if (cookie === undefined) {
    if (isLocal) return;
    problems.push(
      'cookie: is required with any discovery other than local(). Give every node the same one, for example from ' +
        'process.env.CLUSTER_COOKIE. Make one with: openssl rand -hex 32',
    );
    return;
  }
  const problem = cookieProblem(cookie);
  if (problem !== undefined) problems.push(problem);
}

function isPort(value: unknown, min: number): value is number {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= 0xffff;
}

function resolveListen(value: unknown, isLocal: boolean, problems: string[]): PeerAddress {
  const fallback = isLocal ? { host: '127.0.0.1', port: 0 } : { host: '0.0.0.0', port: DEFAULT_PORT };
  if (value === undefined) return fallback;
  if (!isObject(value)) {
    problems.push("listen: must be an object such as { host: '0.0.0.0', port: 4370 }.");
    return fallback;
  }
  rejectUnknown('listen.', value, ['host', 'port'], problems);
  const { host = fallback.host, port = fallback.port } = value;
  if (typeof host !== 'string' || host === '')
    problems.push('listen.host: must be an address of this host, or 0.0.0.0.');
  if (!isPort(port, 0)) problems.push('listen.port: must be a port number, 0 for any free one.');
  return { host: String(host), port: Number(port) };
}

function isDiallable(host: string): boolean {
  if (host === '0.0.0.0' || host === '::') return false;
  return isIP(host) !== 0 || /^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9_.])?$/.test(host);
}

function resolveAdvertise(value: unknown, problems: string[]): ResolvedMeshOptions['advertise'] {
  if (value === undefined) return undefined;
  if (!isObject(value)) {
    problems.push("advertise: must be an object such as { host: '203.0.113.7', port: 4370 }.");
    return undefined;
  }
  rejectUnknown('advertise.', value, ['host', 'port'], problems);
  const { host, port } = value;
  if (typeof host !== 'string' || !isDiallable(host)) {
    problems.push(
      'advertise.host: must be an address or name that other nodes can dial, without a scheme and without a port (that is advertise.port).',
    );
  }
  if (port !== undefined && !isPort(port, 1)) problems.push('advertise.port: must be a port number from 1 to 65535.');
  return { host: String(host), port: port as number | undefined };
}

function resolveDiscovery(value: unknown, problems: string[]): readonly DiscoveryStrategy[] {
  const strategies = value === undefined ? [local()] : Array.isArray(value) ? (value as unknown[]) : [value];
  const valid = strategies.filter(
    (strategy): strategy is DiscoveryStrategy =>
      isObject(strategy) && typeof strategy['discover'] === 'function' && typeof strategy['name'] === 'string',
  );
  if (valid.length !== strategies.length || strategies.length === 0) {
    problems.push(
      'discovery: must be one or several strategies, such as local(), staticPeers([{ host, port }]) or dns({ hostname, port }).',
    );
  }
  for (const { name, pollIntervalMs } of valid) {
    if (pollIntervalMs === undefined) continue;
    if (typeof pollIntervalMs === 'number' && pollIntervalMs >= MIN_POLL_INTERVAL_MS && pollIntervalMs <= 3_600_000)
      continue;
    problems.push(`discovery: pollIntervalMs of ${name} must be a number from ${MIN_POLL_INTERVAL_MS} to 3600000.`);
  }
  return valid;
}

function resolveMetadata(value: unknown, problems: string[]): MemberMetadata {
  if (value === undefined) return Object.freeze({});
  if (!isObject(value)) {
    problems.push("metadata: must be an object such as { zone: 'eu-1' }.");
    return {};
  }
  try {
    const bytes = encode(value);
    const size = bytes.length;
    if (size > MAX_METADATA_BYTES) problems.push(`metadata: takes ${size} bytes, ${MAX_METADATA_BYTES} are allowed.`);
    // A copy: what the caller changes later, or computes anew at each look, is not what the others were told.
    const metadata = decode(bytes, 0, size) as MemberMetadata;
    const problem = metadataProblem(metadata);
    if (problem === undefined) return frozen(metadata);
    problems.push(problem);
  } catch (error) {
    problems.push(`metadata: ${(error as Error).message}`);
  }
  return {};
}

function resolveLimits(value: unknown, problems: string[]): MeshLimits {
  if (value === undefined) return DEFAULT_MESH_LIMITS;
  if (!isObject(value)) {
    problems.push('limits: must be an object such as { windowBytes: 33554432 }.');
    return DEFAULT_MESH_LIMITS;
  }
  rejectUnknown('limits.', value, Object.keys(LIMIT_RANGES), problems);
  const limits = { ...DEFAULT_MESH_LIMITS };
  for (const [name, [min, max]] of Object.entries(LIMIT_RANGES) as [keyof MeshLimits, readonly [number, number]][]) {
    const limit = value[name];
    if (limit === undefined) continue;
    if (Number.isInteger(limit) && (limit as number) >= min && (limit as number) <= max) limits[name] = limit as number;
    else problems.push(`limits.${name}: must be a whole number from ${min} to ${max}.`);
  }
  return agreed(limits, value, problems);
}

/** Limits that only make sense together. One that was not given follows the other; one that was given is held to it. */
function agreed(limits: MeshLimits, given: Record<string, unknown>, problems: string[]): MeshLimits {
  const { windowBytes, windowMs, keptBytes, keptMs, maxFrameBytes } = limits;
  // What was given and is not in effect has been reported already.
  const isGiven = (name: keyof MeshLimits): boolean => given[name] !== undefined && given[name] === limits[name];
  if (isGiven('keptBytes') && keptBytes > windowBytes) {
    problems.push(
      `limits.keptBytes: is a part of limits.windowBytes (${windowBytes}), and must not be more. Raise windowBytes to ${keptBytes}, or lower keptBytes.`,
    );
  }
  if (isGiven('keptMs') && keptMs < windowMs) {
    problems.push(
      `limits.keptMs: must not be less than limits.windowMs (${windowMs}), for which everything is kept. Lower windowMs to ${keptMs}, or raise keptMs.`,
    );
  }
  if (isGiven('maxFrameBytes') && maxFrameBytes > windowBytes) {
    problems.push(
      `limits.maxFrameBytes: must not be more than limits.windowBytes (${windowBytes}): such a publication would be a gap for every other node. Raise windowBytes, or lower maxFrameBytes.`,
    );
  }
  return { ...limits, keptBytes: Math.min(keptBytes, windowBytes), keptMs: Math.max(keptMs, windowMs) };
}

function resolveLogger(value: unknown, problems: string[]): Logger {
  if (value === undefined) return stderrLogger;
  const missing = ['debug', 'info', 'warn', 'error'].filter(
    (level) => !isObject(value) || typeof value[level] !== 'function',
  );
  if (missing.length > 0)
    problems.push(`logger: must have the methods debug, info, warn and error; ${missing.join(', ')} missing.`);
  // Once, where it enters: nothing behind this has to think of a logger that throws.
  return steadyLogger(value as Logger);
}
