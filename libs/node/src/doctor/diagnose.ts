/** Why nodes do not find each other: asks every strategy once, looks who is at every address, and says what it means. */
import {
  addressKey,
  type DiscoveryContext,
  type DiscoveryStrategy,
  isUnspecified,
  normalizeHost,
  type PeerAddress,
} from 'rookery/discovery';
import {
  type DialStats,
  DiscoveryLoop,
  type ListedAddress,
  mendOf,
  type MeshOptions,
  probe,
  type ResolvedMeshOptions,
  resolveMeshOptions,
  type StrategyStats,
} from '@rookery/mesh';
import { type Logger, silentLogger } from '@rookery/runtime';
import { type NodeEnvironment, SYSTEM } from '../mesh-node.js';
import { explain, type Finding } from './findings.js';

export type { Finding } from './findings.js';

/** At a time: as many as a mesh dials. */
const PROBES_AT_ONCE = 16;

/** What was found. */
export interface Diagnosis {
  readonly cluster: string;
  /** Where a node with these options listens. */
  readonly listen: PeerAddress;
  /** What every strategy answered: the record that `stats().strategies` of a running node has. */
  readonly strategies: readonly StrategyStats[];
  /** What came of every address: the record that `stats().discovery` of a running node has. */
  readonly discovery: readonly DialStats[];
  /** What that means, and what to mend. */
  readonly findings: readonly Finding[];
}

/**
 * Asks every strategy once and looks who is at every address that they list, as a node with these options would. It joins
 * nothing: it listens nowhere, announces nothing, and is no member to anybody. Takes some seconds where nobody answers.
 *
 * @param options those of the node, as given to `createMesh` or `ClusterModule.forRoot`
 * @throws ClusterOptionsError naming every problem of the options; ClusterError `CLUSTER_COOKIE_UNAVAILABLE`
 * @example
 * const { findings } = await diagnose({ cluster: 'shop', cookie, discovery: dns({ hostname: 'app', port: 4370 }) });
 * for (const { level, subject, text, mend } of findings) console.log(level, subject, text, mend ?? '');
 */
export async function diagnose(options: MeshOptions = {}, environment: NodeEnvironment = SYSTEM): Promise<Diagnosis> {
  const { clock, random } = environment;
  const resolved = resolveMeshOptions(options, random);
  const keys = await environment.makeKeys(resolved);
  const transport = environment.makeTransport(keys, { ...resolved, logger: silentLogger });
  const prober = {
    cluster: resolved.cluster,
    name: `doctor of ${resolved.name}`.slice(0, 64),
    incarnation: random.bytes(8).toString('hex'),
    nonce: random.bytes(8).toString('hex'),
  };
  const self = {
    cluster: resolved.cluster,
    name: prober.name,
    incarnation: prober.incarnation,
    // Nobody's: a strategy that takes back what was announced by its address must not take back that of the running node.
    address: { host: resolved.listen.host, port: 1 },
  };
  const makeContext = (port: { changed(): void; readonly logger: Logger }): DiscoveryContext => ({
    ...port,
    self,
    clock,
    random,
    sign: (message) => keys.use.sign(message),
    verify: (message, signature) => [...keys.accept.values()].some((key) => key.verify(message, signature)),
  });

  let listed: readonly ListedAddress[] = [];
  const strategies = resolved.discovery.map(silent);
  const loop = new DiscoveryLoop(strategies, makeContext, clock, random, resolved.logger, {
    onListed: (addresses) => (listed = addresses),
  });
  await loop.start();
  const asked = loop.stats();
  await loop.stop();

  const discovery = await mapSome(listed, async ({ address, strategies: listedBy }): Promise<DialStats> => {
    const { outcome, detail, name } = await probe(transport, address, prober, clock);
    const mend = mendOf(outcome, resolved.cluster);
    return { address: addressKey(address), strategies: listedBy, outcome, member: name, attempts: 1, detail, mend };
  });
  const own = new Set(
    listed.filter(({ address }) => isOwn(address, resolved, environment)).map(({ address }) => addressKey(address)),
  );
  const record = { strategies: asked, discovery };
  const findings = explain(record, (address) => own.has(address));
  return { cluster: resolved.cluster, listen: resolved.listen, ...record, findings };
}

/** Whether the node with these options, if it runs on this machine, is what answers there. */
function isOwn({ host, port }: PeerAddress, options: ResolvedMeshOptions, { isThisHost }: NodeEnvironment): boolean {
  const { advertise, listen } = options;
  if (port !== listen.port && port !== advertise?.port) return false;
  if (advertise !== undefined && normalizeHost(advertise.host) === normalizeHost(host)) return true;
  return isUnspecified(listen.host) ? isThisHost(host) : normalizeHost(listen.host) === normalizeHost(host);
}

/** The strategy without its voice: whoever only looks must not be found. */
function silent(strategy: DiscoveryStrategy): DiscoveryStrategy {
  return {
    name: strategy.name,
    pollIntervalMs: strategy.pollIntervalMs,
    discover: (signal) => strategy.discover(signal),
    start: (context) => strategy.start?.(context),
    withdraw: (self) => strategy.withdraw?.(self) ?? Promise.resolve(),
    explain: () => strategy.explain?.(),
  };
}

/** Maps a list with some of the calls under way at a time, in the order of the list. */
async function mapSome<Item, Result>(items: readonly Item[], map: (item: Item) => Promise<Result>): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++;
      results[index] = await map(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(PROBES_AT_ONCE, items.length) }, work));
  return results;
}
