/** The seam of discovery: who might be out there. Addresses, nothing more; authentication decides who is a peer. */
import type { Clock, Logger, Random } from '@rookery/runtime';

/** Where a peer may listen. `host` is an IP address or a name, without brackets. */
export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/** What a strategy may know about the node it serves. */
export interface DiscoverySelf {
  readonly cluster: string;
  readonly name: string;
  /** 16 hexadecimal digits, new at each start of the process. */
  readonly incarnation: string;
  /** Where this node listens, as others should dial it. The host may be unspecified (`0.0.0.0`, `::`). */
  readonly address: PeerAddress;
}

/** What the mesh lends a strategy: no clock, chance or logger of its own. */
export interface DiscoveryContext {
  readonly self: DiscoverySelf;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Tells the loop to ask again now; for strategies that watch something. Calls in quick succession are merged. */
  changed(): void;
  /** A message authentication code under a key derived from the cookie, for announcements others must be able to trust. */
  sign(message: Uint8Array): Buffer;
  /** Whether `signature` is the code that {@link DiscoveryContext.sign} gives for `message`; compares in constant time. */
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/**
 * One way to find peers. Only `name` and `discover` are required. A strategy knows no mesh and polls nothing by itself:
 * the discovery loop asks it at every poll, merges the answers of all strategies, and dials. What it watches it tells
 * with `context.changed()`. docs/discovery.md is the manual; the suite of `rookery/testing` holds a strategy to this page.
 *
 * @example
 * const consul = (url: string, service: string): DiscoveryStrategy => ({
 *   name: 'consul',
 *   async discover(signal) {
 *     const response = await fetch(`${url}/v1/health/service/${service}?passing`, { signal });
 *     const entries = (await response.json()) as { Service: { Address: string; Port: number } }[];
 *     return entries.map(({ Service }) => ({ host: Service.Address, port: Service.Port }));
 *   },
 * });
 */
export interface DiscoveryStrategy {
  /** Shown in logs and stats. */
  readonly name: string;
  /**
   * `user` for a strategy that finds only processes of the same user on the same machine: with no other strategy
   * beside it, the mesh may use the cookie from that user's home directory and listen on loopback.
   */
  readonly scope?: 'user';
  /** How often this strategy wants to be asked, in milliseconds, with 20 % jitter. @default 5000 */
  readonly pollIntervalMs?: number;
  /**
   * Answers who might be there now. An empty list means "I know that nobody is there yet" and removes no one;
   * rejecting means "I do not know": the last answer stays in force. Must settle soon after `signal` aborts.
   */
  discover(signal: AbortSignal): Promise<readonly PeerAddress[]>;
  /** Called once before the first poll, after the node listens. */
  start?(context: DiscoveryContext): void | Promise<void>;
  /** Called at every poll: renew whatever makes this node findable by others. */
  announce?(self: DiscoverySelf, signal: AbortSignal): Promise<void>;
  /** Called once on leaving: remove the announcement and release what `start` opened. */
  withdraw?(self: DiscoverySelf): Promise<void>;
  /**
   * What a person should know about the last answer, in one or two sentences that name the cause and the remedy: why it
   * is empty, or what was left out. Undefined when there is nothing to say. Shown in `stats().strategies` and by the
   * doctor; cheap, synchronous, never throws.
   *
   * @example
   * explain: () => (found === 0 ? "Consul knows no healthy instance of 'app': check the service's name." : undefined),
   */
  explain?(): string | undefined;
}
