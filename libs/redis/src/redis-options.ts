/** What redis() can be told, and what it makes of it. */
import type { RedisOptions } from 'ioredis';
import {
  checkOptions,
  DiscoveryOptionsError,
  expected,
  integerRule,
  optionalRule,
  type OptionRules,
  pollIntervalRule,
} from 'rookery/discovery';
import { COMMANDS, isClient, type RedisClient } from './redis-client.js';

/** Options of {@link redis}: one of `client`, `url` and `options`, and what else there is. */
export interface RedisDiscoveryOptions {
  /** A client that the application has already, a `Redis` or a `Cluster` of ioredis. It is used, and left open. */
  readonly client?: RedisClient;
  /** Where Redis is, such as `redis://user:password@cache.internal:6379/0` or `rediss://...`; for a connection of its own. */
  readonly url?: string;
  /** The options of ioredis for a connection of its own, with Sentinels, TLS and the like; how it queues and retries is fixed. */
  readonly options?: RedisOptions;
  /** How the names of all keys begin; the same for all that shall meet. 1 to 64 characters. @default 'rookery' */
  readonly prefix?: string;
  /**
   * How long a node is listed after it announced itself for the last time, in milliseconds, 1000 to 3 600 000 and at least
   * twice `pollIntervalMs`. Measured by Redis: the clocks of the nodes do not matter.
   * @default three times pollIntervalMs
   */
  readonly leaseMs?: number;
  /** How often to announce and to ask, in milliseconds, 100 to 3 600 000. @default 5000 */
  readonly pollIntervalMs?: number;
  /** How long Redis may take to answer, in milliseconds, 50 to 60 000. @default 2000 */
  readonly timeoutMs?: number;
}

/** The values of {@link RedisDiscoveryOptions} that may be left out. */
export const DEFAULT_REDIS_OPTIONS = { prefix: 'rookery', pollIntervalMs: 5_000, timeoutMs: 2_000 } as const;

/** Checked and complete. */
export interface ResolvedRedisOptions {
  readonly client: RedisClient | undefined;
  readonly url: string | undefined;
  readonly options: RedisOptions | undefined;
  readonly prefix: string;
  readonly leaseMs: number;
  readonly pollIntervalMs: number;
  readonly timeoutMs: number;
}

const SOURCES = ['client', 'url', 'options'] as const;
const LEASES_PER_POLL = 3;
const MIN_LEASE_MS = 1_000;
/** Braces would be a second hash tag, by which Redis Cluster spreads keys. */
const PREFIX = /^[^\s{}]{1,64}$/u;

const RULES: OptionRules<RedisDiscoveryOptions> = {
  client: optionalRule((value) => (isClient(value) ? undefined : `must be a client with ${COMMANDS.join(', ')}`)),
  // It may hold a password, which must not get into an error.
  url: optionalRule((value) => {
    const isUrl = typeof value === 'string' && /^rediss?:\/\/\S+$/.test(value) && URL.canParse(value);
    return isUrl ? undefined : 'must be a URL that begins with redis:// or rediss://';
  }),
  options: optionalRule((value) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? undefined : 'must be the options of ioredis',
  ),
  prefix: optionalRule((value) =>
    typeof value === 'string' && PREFIX.test(value)
      ? undefined
      : expected('1 to 64 characters without spaces and braces', value),
  ),
  leaseMs: optionalRule(integerRule(MIN_LEASE_MS, 3_600_000)),
  pollIntervalMs: optionalRule(pollIntervalRule),
  timeoutMs: optionalRule(integerRule(50, 60_000)),
};

/** @throws {@link DiscoveryOptionsError} naming every problem, and no password. */
export function resolveRedisOptions(options: RedisDiscoveryOptions): ResolvedRedisOptions {
  const problems = checkOptions(options, RULES);
  const given = options ?? {};
  const sources = SOURCES.filter((source) => given[source] !== undefined);
  if (sources.length === 0) problems.push('client, url and options are all missing, give one of them');
  if (sources.length > 1) problems.push(`${sources.join(' and ')} are given, of which only one can be used`);
  const { prefix, pollIntervalMs, timeoutMs } = { ...DEFAULT_REDIS_OPTIONS, ...given };
  const leaseMs = given.leaseMs ?? Math.min(3_600_000, Math.max(MIN_LEASE_MS, LEASES_PER_POLL * pollIntervalMs));
  if (given.leaseMs !== undefined && leaseMs < 2 * pollIntervalMs) {
    problems.push(
      `leaseMs must be at least twice pollIntervalMs, ${2 * pollIntervalMs}, got ${leaseMs}: it ends between polls`,
    );
  }
  if (problems.length > 0) throw new DiscoveryOptionsError('redis()', problems);
  const { client, url } = given;
  return { client, url, options: given.options, prefix, leaseMs, pollIntervalMs, timeoutMs };
}
