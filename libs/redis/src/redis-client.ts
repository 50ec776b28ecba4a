/** What is asked of a client of Redis, and a client of one's own, which never holds more commands than a few. */
import { describeError, isThenable } from '@rookery/runtime';
import type { Redis, RedisOptions } from 'ioredis';
import { DiscoveryError, normalizeHost } from 'rookery/discovery';

/** The commands that are used; a `Redis` or a `Cluster` of ioredis has them. */
export interface RedisClient {
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>;
  sadd(key: string, member: string): Promise<unknown>;
  srem(key: string, ...members: string[]): Promise<unknown>;
  srandmember(key: string, count: number): Promise<readonly string[]>;
  mget(...keys: string[]): Promise<readonly (string | null)[]>;
  pexpire(key: string, milliseconds: number): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

/** Names of the commands, to recognise a client by. */
export const COMMANDS: readonly (keyof RedisClient)[] = [
  'set',
  'sadd',
  'srem',
  'srandmember',
  'mget',
  'pexpire',
  'del',
];

/** A connection to Redis that is opened and closed with the strategy. */
export interface OwnClient {
  readonly client: RedisClient;
  /** `host:port`, or the path of a socket. */
  readonly where: string;
  readonly isReady: boolean;
  /** Why there is no connection now, as far as is known. */
  readonly lastError: unknown;
  /** Resolves once commands can be sent; rejects once it is told to stop waiting. */
  untilReady(): { readonly done: Promise<void>; cancel(): void };
  /** Gives up all commands that are not answered, and connects anew; until that is done, `reason` is why there is no connection. */
  reset(reason: unknown): void;
  /** Resolves once Redis has taken leave; never rejects. */
  quit(): Promise<void>;
  /** Ends at once. */
  end(): void;
}

/** Connections that fail are tried again after a pause that grows by this, up to the most. */
const RETRY_STEP_MS = 200;
const MAX_RETRY_MS = 5_000;
/** So long a connection that is given up is waited for; it holds the process meanwhile. */
const DISCONNECT_MS = 100;

/**
 * Connects, and goes on trying until it is ended.
 *
 * @throws {@link DiscoveryError} `DISCOVERY_REDIS_FAILED` when ioredis is not installed, or refuses the options.
 */
export async function openClient(
  source: { readonly url?: string | undefined; readonly options?: RedisOptions | undefined },
  timeoutMs: number,
): Promise<OwnClient> {
  const RedisConstructor = await importRedis();
  const options: RedisOptions = {
    connectTimeout: timeoutMs,
    // For what ioredis itself asks when it connects: our own commands are given up before.
    commandTimeout: 2 * timeoutMs,
    disconnectTimeout: DISCONNECT_MS,
    ...source.options,
    lazyConnect: true,
    // One that gives up would leave this node without Redis for as long as it lives.
    retryStrategy: (times) => Math.min(times * RETRY_STEP_MS, MAX_RETRY_MS),
    // What cannot be sent fails, instead of waiting in a queue that grows; the next poll sends it again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
  };
  let redis: Redis;
  try {
    redis = source.url === undefined ? new RedisConstructor(options) : new RedisConstructor(source.url, options);
  } catch (cause) {
    throw new DiscoveryError(
      'DISCOVERY_REDIS_FAILED',
      `redis() cannot make a client: ${describeError(cause)}. Correct url or options.`,
      { cause },
    );
  }
  return new IoredisClient(redis);
}

class IoredisClient implements OwnClient {
  lastError: unknown;

  constructor(private readonly redis: Redis) {
    redis.on('error', (error: unknown) => (this.lastError = error));
    redis.on('ready', () => (this.lastError = undefined));
    // A failure is an event "error" as well, and tried again.
    redis.connect().catch(() => undefined);
  }

  get client(): RedisClient {
    return this.redis;
  }

  get isReady(): boolean {
    return this.redis.status === 'ready';
  }

  get where(): string {
    const { host = '127.0.0.1', port = 6379, path, sentinels } = this.redis.options;
    return path ?? (sentinels === undefined || sentinels === null ? `${host}:${port}` : 'the sentinels');
  }

  untilReady(): { readonly done: Promise<void>; cancel(): void } {
    if (this.isReady) return { done: Promise.resolve(), cancel: () => undefined };
    let cancel = (): void => undefined;
    const done = new Promise<void>((resolve, reject) => {
      this.redis.once('ready', resolve);
      cancel = () => {
        this.redis.off('ready', resolve);
        reject(new Error('there is no connection'));
      };
    });
    return { done, cancel };
  }

  reset(reason: unknown): void {
    this.lastError ??= reason;
    this.redis.disconnect(true);
  }

  async quit(): Promise<void> {
    await this.redis.quit().catch(() => undefined); // There is no connection to take leave of.
  }

  end(): void {
    this.redis.disconnect();
  }
}

async function importRedis(): Promise<typeof Redis> {
  try {
    return (await import('ioredis')).Redis;
  } catch (cause) {
    throw new DiscoveryError(
      'DISCOVERY_REDIS_FAILED',
      'redis() needs the package ioredis for url and options, and it cannot be loaded: npm install ioredis, or give a client.',
      { cause },
    );
  }
}

/** The address by which this machine reaches Redis, if the client tells: that of its socket. */
export function localAddressOf(client: RedisClient): string | undefined {
  const { stream } = client as { readonly stream?: { readonly localAddress?: unknown } | null };
  const address = stream?.localAddress;
  return typeof address === 'string' ? normalizeHost(address) : undefined;
}

/** Whether a value has the commands. */
export function isClient(value: unknown): value is RedisClient {
  if (typeof value !== 'object' || value === null || isThenable(value)) return false;
  return COMMANDS.every((command) => typeof (value as Record<string, unknown>)[command] === 'function');
}
