/** Turns DNS questions into peer addresses, and tells "nobody is there" from "nobody knows". */
import type { RecordWithTtl, SrvRecord } from 'node:dns';
import { isIP } from 'node:net';
import type { PeerAddress } from '../../discovery-strategy.js';

/** The questions asked of a name server. They reject with an error that has a `code`. */
export interface DnsQuestions {
  resolve4(name: string): Promise<readonly RecordWithTtl[]>;
  resolve6(name: string): Promise<readonly RecordWithTtl[]>;
  resolveSrv(name: string): Promise<readonly SrvRecord[]>;
}

/** A question that got no usable answer. */
export interface LookupFailure {
  /** Type and name, such as `AAAA app.internal`. */
  readonly question: string;
  readonly error: NodeJS.ErrnoException;
}

/** What is known after asking: no addresses and no failures means that nobody is there yet. */
export interface LookupAnswer {
  readonly addresses: readonly PeerAddress[];
  readonly failures: readonly LookupFailure[];
  /** The shortest time that an address is good for, in seconds, as its record says. Node does not tell that of SRV records. */
  readonly ttlSeconds?: number | undefined;
  /** Whether the name does not exist at all (NXDOMAIN). */
  readonly isUnknownName?: boolean | undefined;
  /** Under which spelling of the name the addresses are listed, where several were tried. */
  readonly spelling?: string | undefined;
}

/** More targets than this in one SRV answer are not resolved: a cluster has tens of nodes, not thousands. */
export const MAX_SRV_TARGETS = 256;

/** Two questions a target: more at once would be a burst that name servers and their networks drop. */
const TARGETS_AT_ONCE = 32;

/** Asks for both families at the same time. One family's failure does not hide what the other one found. */
export async function lookupAddresses(dns: DnsQuestions, name: string, port: number): Promise<LookupAnswer> {
  const [ipv4, ipv6] = await Promise.all([
    ask(`A ${name}`, () => dns.resolve4(name)),
    ask(`AAAA ${name}`, () => dns.resolve6(name)),
  ]);
  const records = [...ipv4.records, ...ipv6.records];
  return {
    addresses: records.map(({ address }) => ({ host: address, port })),
    failures: [...ipv4.failures, ...ipv6.failures],
    ttlSeconds: least(records.map(({ ttl }) => ttl)),
    isUnknownName: ipv4.isUnknownName && ipv6.isUnknownName,
  };
}

/**
 * The answer for the first of several spellings of a name that somebody is behind; else all that is known of them.
 *
 * @param usual the spelling under which somebody was listed last: while it gets no answer, another one says nothing, for
 * a domain that answers to everything would put strangers in the place of peers
 */
export async function lookupFirst(
  names: readonly string[],
  lookup: (name: string) => Promise<LookupAnswer>,
  usual?: string,
): Promise<LookupAnswer> {
  const answers: LookupAnswer[] = [];
  for (const name of names) {
    const answer = await lookup(name);
    if (answer.addresses.length > 0) return { ...answer, spelling: name };
    answers.push(answer);
    if (name === usual && answer.failures.length > 0) break;
  }
  return {
    addresses: [],
    failures: answers.flatMap(({ failures }) => failures),
    isUnknownName: answers.every(({ isUnknownName }) => isUnknownName === true),
  };
}

function least(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

/**
 * Asks for SRV records, then for the addresses of their targets.
 *
 * @param fallbackPort - for records whose port is 0; without it they are passed over.
 */
export async function lookupService(dns: DnsQuestions, name: string, fallbackPort?: number): Promise<LookupAnswer> {
  const question = `SRV ${name}`;
  const service = await ask(question, () => dns.resolveSrv(name));
  const targets = dialableTargets(service.records, fallbackPort);
  const failures = [...service.failures];
  if (targets.length > MAX_SRV_TARGETS) {
    const error = new Error(`${targets.length} targets, of which only ${MAX_SRV_TARGETS} are looked up`);
    failures.push({ question, error });
  }
  const answers = await mapInBatches(targets.slice(0, MAX_SRV_TARGETS), TARGETS_AT_ONCE, ({ host, port }) =>
    isIP(host) === 0 ? lookupAddresses(dns, host, port) : { addresses: [{ host, port }], failures: [] },
  );
  return {
    addresses: answers.flatMap((answer) => answer.addresses),
    failures: [...failures, ...answers.flatMap((answer) => answer.failures)],
    ttlSeconds: least(answers.flatMap(({ ttlSeconds }) => ttlSeconds ?? [])),
    isUnknownName: service.isUnknownName,
  };
}

/** Each pair of target and port once, the preferred ones first. A target that is the root means "no such service" (RFC 2782). */
function dialableTargets(records: readonly SrvRecord[], fallbackPort: number | undefined): PeerAddress[] {
  const targets = new Map<string, PeerAddress>();
  for (const record of [...records].sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1))) {
    const port = record.port === 0 ? fallbackPort : record.port;
    if (record.name === '' || record.name === '.' || port === undefined) continue;
    targets.set(`${record.name.toLowerCase()}:${port}`, { host: record.name, port });
  }
  return [...targets.values()];
}

interface Records<Item> {
  readonly records: readonly Item[];
  readonly failures: readonly LookupFailure[];
  readonly isUnknownName: boolean;
}

async function ask<Item>(question: string, query: () => Promise<readonly Item[]>): Promise<Records<Item>> {
  try {
    return { records: await query(), failures: [], isUnknownName: false };
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    const failures = saysNobody(error) ? [] : [{ question, error }];
    return { records: [], failures, isUnknownName: error.code === 'ENOTFOUND' };
  }
}

/** NXDOMAIN and "the name exists, without such records": how a headless service looks before its first pod. */
function saysNobody(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ENOTFOUND' || error.code === 'ENODATA';
}

async function mapInBatches<Item, Result>(
  items: readonly Item[],
  size: number,
  map: (item: Item) => Result | Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += size) {
    results.push(...(await Promise.all(items.slice(start, start + size).map(map))));
  }
  return results;
}
