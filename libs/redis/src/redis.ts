/** Peers that announce themselves in a Redis, for teams that run one already. */
import { describeError } from '@rookery/runtime';
import {
  type DiscoveryContext,
  DiscoveryError,
  type DiscoverySelf,
  type DiscoveryStrategy,
  isUnspecified,
  type PeerAddress,
  uniqueAddresses,
  untilAborted,
} from 'rookery/discovery';
import { decodeLease, encodeLease, isIncarnation, leaseKeys, type LeaseKeys } from './lease.js';
import { localAddressOf, openClient, type OwnClient, type RedisClient } from './redis-client.js';
import { describeRedisFailure } from './redis-failure.js';
import { type RedisDiscoveryOptions, resolveRedisOptions, type ResolvedRedisOptions } from './redis-options.js';

/** More nodes are not listed. */
const MAX_NODES = 1_000;
/** The index outlives the longest pause of all nodes by far, and not the cluster for ever. */
const INDEX_LIFETIME_MS = 24 * 3_600_000;
/** How long each of both may take when leaving, the deletion of the own entry and the end of the connection. */
const WITHDRAW_MS = 800;
/** So many rounds of commands may be without an answer: a client of somebody else keeps them, whatever we think of it. */
const MAX_UNANSWERED = 4;

/**
 * Peers by a Redis, or what speaks its language: at every poll each node writes where it listens under a key of its own, with
 * a lease, and reads what the others wrote. Whoever leaves deletes its key; that of a process that died goes with its lease,
 * by the clock of Redis alone. The mesh itself needs no Redis: members stay linked while it is away.
 *
 * - *Unknown.* While Redis does not answer within `timeoutMs`, or refuses, `discover` rejects, and the peers found before
 *   stay. Nothing is queued meanwhile: the next poll writes and asks again.
 * - *Keys.* `<prefix>:{<digest of the cluster>}:<incarnation>`, and `...:nodes`, the set of them. No KEYS, no SCAN, no script;
 *   one hash slot, so that a Redis Cluster will do. Permit `SET SADD SREM SRANDMEMBER MGET PEXPIRE DEL` on them.
 * - *Trust.* Entries are signed under a key from the cookie: whoever can write into this Redis, and has no cookie, lists nobody,
 *   and so cannot have nodes dial whatever he likes; he can still delete entries. The name of the cluster is not readable.
 * - *Bounds.* 1000 nodes are listed; entries of 2 KiB.
 *
 * A node that listens on every address (`0.0.0.0`, `::`) announces the one by which it reaches Redis. Give it `advertise.host`
 * where that will not do: on the machine of Redis itself, which it may reach by loopback, and with a `Cluster` as client, which
 * does not tell.
 *
 * @returns a strategy for one node: `start` rejects with `DISCOVERY_IN_USE` for a second one, and with
 * `DISCOVERY_REDIS_FAILED` when ioredis, an optional peer dependency, is needed and not installed. `announce` and `discover`
 * reject with {@link DiscoveryError} `DISCOVERY_REDIS_FAILED`, `DISCOVERY_NOT_STARTED`, and with the signal's reason.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem.
 * @example
 * redis({ url: 'redis://cache.internal:6379' });
 * redis({ client: new Redis({ host: 'cache.internal' }), prefix: 'shop' }); // it stays open
 */
export function redis(options: RedisDiscoveryOptions): DiscoveryStrategy {
  return new RedisStrategy(resolveRedisOptions(options));
}

/** What is held between `start` and `withdraw`. */
interface Place {
  readonly context: DiscoveryContext;
  readonly keys: LeaseKeys;
  /** The connection of its own; undefined when a client was given. A promise, so that leaving waits for what opens. */
  readonly own: Promise<OwnClient> | undefined;
}

class RedisStrategy implements DiscoveryStrategy {
  readonly name = 'redis';
  readonly pollIntervalMs: number;
  private place: Place | undefined;
  private unanswered = 0;
  private hasAnnounced = false;
  private explanation: string | undefined;
  private wasToldOfForged = false;

  constructor(private readonly options: ResolvedRedisOptions) {
    this.pollIntervalMs = options.pollIntervalMs;
  }

  async start(context: DiscoveryContext): Promise<void> {
    if (this.place !== undefined) {
      throw new DiscoveryError(
        'DISCOVERY_IN_USE',
        'This redis() already serves a node: it announces one process. Call redis() again for each node.',
      );
    }
    const { client, timeoutMs, prefix } = this.options;
    const own = client === undefined ? openClient(this.options, timeoutMs) : undefined;
    this.place = { context, keys: leaseKeys(prefix, context.self.cluster), own };
    await own;
  }

  async announce(self: DiscoverySelf, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { context, keys } = this.started();
    await this.command(signal, (client) => {
      const value = encodeLease(self, addressOf(self, client), context);
      this.hasAnnounced = true;
      return Promise.all([
        client.set(keys.lease(self.incarnation), value, 'PX', this.options.leaseMs),
        // Behind the lease: whoever is in the index and has none is taken for gone.
        client.sadd(keys.index, self.incarnation),
        client.pexpire(keys.index, INDEX_LIFETIME_MS),
      ]);
    });
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    const { context, keys } = this.started();
    const { cluster } = context.self;
    const members = listOf(await this.command(signal, (client) => client.srandmember(keys.index, MAX_NODES + 1)));
    const incarnations = members.filter(isIncarnation).slice(0, MAX_NODES);
    const values =
      incarnations.length === 0
        ? []
        : listOf(await this.command(signal, (client) => client.mget(...incarnations.map((each) => keys.lease(each)))));
    const gone = incarnations.filter((_, index) => values[index] === null);
    const found = incarnations.flatMap((incarnation, index) => {
      const address = decodeLease(values[index], cluster, incarnation, context);
      return address === undefined ? [] : [address];
    });
    if (gone.length > 0) await this.tidyUp(gone, signal);
    const forged = incarnations.length - gone.length - found.length;
    this.explanation = explain(keys, { listed: found.length, isCut: members.length > MAX_NODES, forged });
    this.tellForged(forged, context);
    return uniqueAddresses(found);
  }

  /** Once, until there are none any more: nodes with another cookie, most likely. */
  private tellForged(forged: number, { logger }: DiscoveryContext): void {
    if (forged > 0 && !this.wasToldOfForged) {
      logger.warn(`Redis has ${forged} entries that are not signed with the cookie of this node: they are left out.`);
    }
    this.wasToldOfForged = forged > 0;
  }

  async withdraw(self: DiscoverySelf): Promise<void> {
    const { place } = this;
    this.place = undefined;
    if (place === undefined) return;
    try {
      if (this.hasAnnounced) await this.deleteLease(place, self);
    } finally {
      this.hasAnnounced = false;
      await this.disconnect(place);
    }
  }

  explain(): string | undefined {
    return this.explanation;
  }

  private started(): Place {
    if (this.place !== undefined) return this.place;
    throw new DiscoveryError(
      'DISCOVERY_NOT_STARTED',
      'redis() was asked before it was started, or after it left: start(context) tells it the cluster to look for.',
    );
  }

  /** Members whose lease is over. One that comes back in this very moment is in the index again after its next poll. */
  private async tidyUp(gone: readonly string[], signal: AbortSignal): Promise<void> {
    const { keys, context } = this.started();
    try {
      await this.command(signal, (client) => client.srem(keys.index, ...gone));
    } catch (error) {
      signal.throwIfAborted();
      // Every node tidies up at every poll: the answer does not depend on it.
      context.logger.debug(`Could not remove ${gone.length} nodes that are gone from Redis: ${describeError(error)}`);
    }
  }

  private async deleteLease(place: Place, self: DiscoverySelf): Promise<void> {
    const { keys, own, context } = place;
    const client = await own?.catch(() => undefined); // Whoever waited for it has been told why it failed.
    if (client?.isReady === false) {
      context.logger.debug('The entry in Redis is not deleted, for there is no connection: its lease ends soon.');
      return;
    }
    await this.commandAt(
      place,
      new AbortController().signal,
      (client) => Promise.all([client.del(keys.lease(self.incarnation)), client.srem(keys.index, self.incarnation)]),
      WITHDRAW_MS,
    );
  }

  private async disconnect({ own, context }: Place): Promise<void> {
    const client = await own?.catch(() => undefined); // Whoever waited for it has been told why it failed.
    if (client === undefined) return;
    // Whether it takes leave in time or not, it is ended.
    if (client.isReady) await this.inTime(client.quit(), context, WITHDRAW_MS).catch(() => undefined);
    client.end();
  }

  private command<Result>(signal: AbortSignal, run: (client: RedisClient) => Promise<Result>): Promise<Result> {
    return this.commandAt(this.started(), signal, run);
  }

  /** Runs commands, within the time limit; what fails says how to mend it. */
  private async commandAt<Result>(
    place: Place,
    signal: AbortSignal,
    run: (client: RedisClient) => Promise<Result>,
    timeoutMs = this.options.timeoutMs,
  ): Promise<Result> {
    const own = await place.own;
    const client = own?.client ?? this.options.client!;
    const where = own?.where ?? 'the client that it was given';
    if (this.unanswered >= MAX_UNANSWERED) {
      // Without the last error: where a password was refused, it holds the command, and so the password.
      throw failed(where, 'the commands before have no answer yet: look whether Redis hangs', undefined);
    }
    const ready = own?.untilReady();
    this.unanswered++;
    const work = (async () => {
      await ready?.done;
      return run(client);
    })();
    // However long it takes; what becomes of it then was told.
    const noteAnswer = (): void => void this.unanswered--;
    const limited = this.inTime(work, place.context, timeoutMs);
    try {
      return await untilAborted(limited, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof TimedOut) own?.reset(error);
      throw failed(where, describeRedisFailure(own?.lastError ?? error), error);
    } finally {
      ready?.cancel();
      void work.then(noteAnswer, noteAnswer);
    }
  }

  private inTime<Result>(work: Promise<Result>, { clock }: DiscoveryContext, timeoutMs: number): Promise<Result> {
    return new Promise((resolve, reject) => {
      const timer = clock.after(timeoutMs, () => reject(new TimedOut(timeoutMs)));
      void work.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}

/** Redis took longer than it may. */
class TimedOut extends Error {
  constructor(timeoutMs: number) {
    super(`it did not answer within ${timeoutMs} ms: look whether it is overloaded, or cut off by a firewall`);
  }
}

/** Where the node is to be dialled: whoever listens on every address says by which one it reaches Redis. */
function addressOf({ address }: DiscoverySelf, client: RedisClient): PeerAddress {
  if (!isUnspecified(address.host)) return address;
  const host = localAddressOf(client);
  if (host !== undefined) return { host, port: address.port };
  const problem = `this node listens on ${address.host}, which nobody can dial, and the client does not tell a better one`;
  throw new Error(`${problem}: give advertise.host`);
}

/** What a client of somebody else answers may be anything; some answer null for a set that is not there. */
function listOf(answer: unknown): readonly unknown[] {
  if (answer === null) return [];
  if (Array.isArray(answer)) return answer;
  throw failed('the client that it was given', 'what it answers is no list: give a client of ioredis', undefined);
}

function failed(where: string, problem: string, cause: unknown): DiscoveryError {
  return new DiscoveryError('DISCOVERY_REDIS_FAILED', `Redis (${where}) gave no answer: ${problem}.`, { cause });
}

function explain(
  { index }: LeaseKeys,
  { listed, isCut, forged }: { readonly listed: number; readonly isCut: boolean; readonly forged: number },
): string | undefined {
  const sentences: string[] = [];
  if (isCut) sentences.push(`More than ${MAX_NODES} nodes are in ${index}; the others are left out.`);
  if (forged > 0) {
    sentences.push(
      `Entries beside ${index} (${forged}) are not signed with the cookie of this node: give every node the same cookie.`,
    );
  }
  if (listed === 0) {
    sentences.push(
      `Nobody is listed in ${index}. Nodes that shall meet need the same cluster name, the same prefix, and the same database.`,
    );
  }
  return sentences.length === 0 ? undefined : sentences.join(' ');
}
