/** Reads a list of peers out of a text: JSON, or the lines of a hosts file. Names every problem with its line. Pure. */
import { describeError, printable } from '@rookery/runtime';
import { isIP, isIPv6 } from 'node:net';
import { uniqueAddresses } from '../../address.js';
import type { PeerAddress } from '../../discovery-strategy.js';
import { expected, hostRule, isRecord, portRule } from '../../option-check.js';
import { commaWithoutEntry, jsonEntryLines, lineAt } from './json-entry-lines.js';

/** How a list of peers is written: see {@link FileOptions.format}. */
export type PeersFileFormat = 'json' | 'hosts';

/** A longer list is refused: the mesh looks at no more addresses of one strategy. */
export const MAX_FILE_PEERS = 2_000;

/** So many problems are told in full; the others are counted. */
const MAX_TOLD_PROBLEMS = 10;

/** What a text lists, or all that is wrong with it. */
export type PeersFileContent =
  | { readonly peers: readonly PeerAddress[]; readonly problems?: undefined }
  | { readonly problems: readonly string[]; readonly peers?: undefined };

/**
 * What `text` lists: each address once, sorted. A list with a single mistake is no list at all: it may be one that is
 * still being written. Keys of entries other than `host` and `port` are left alone, for whoever else reads the file.
 *
 * @param format - undefined: JSON if it begins like JSON.
 * @param port - of the entries that name none.
 * @example
 * parsePeersFile('["10.0.3.7:4370"]', undefined, undefined); // { peers: [{ host: '10.0.3.7', port: 4370 }] }
 * parsePeersFile('10.0.3.7 app-1 # rack 2', 'hosts', 4370);  // the same
 */
export function parsePeersFile(
  text: string,
  format: PeersFileFormat | undefined,
  port: number | undefined,
): PeersFileContent {
  // Editors of Windows put it there.
  const content = text.replace(/^\uFEFF/, '');
  // To write a file means to empty it first: whoever means nobody says so.
  if (content === '') {
    return {
      problems: ['it is empty; a list of nobody is [] in JSON, and a comment or an empty line in a hosts file'],
    };
  }
  const entries = (format ?? (/^\s*[[{]/.test(content) ? 'json' : 'hosts')) === 'json' ? ofJson : ofHosts;
  const { peers, problems } = entries(content, port);
  if (problems.length === 0 && peers.length > MAX_FILE_PEERS) {
    problems.push(`it lists ${peers.length} peers, more than the ${MAX_FILE_PEERS} that are looked at`);
  }
  if (problems.length === 0) return { peers: uniqueAddresses(peers) };
  const untold = problems.length - MAX_TOLD_PROBLEMS;
  return { problems: untold > 0 ? [...problems.slice(0, MAX_TOLD_PROBLEMS), `and ${untold} more`] : problems };
}

interface Entries {
  readonly peers: PeerAddress[];
  readonly problems: string[];
}

function ofJson(text: string, port: number | undefined): Entries {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { peers: [], problems: [describeSyntaxError(text, error)] };
  }
  const list = isRecord(value) ? value['peers'] : value;
  if (!Array.isArray(list)) {
    const what = 'an array of { host, port } or "host:port", or an object that has one as peers';
    return { peers: [], problems: [`it ${expected(what, list === undefined ? value : list)}`] };
  }
  const peers: PeerAddress[] = [];
  const problems: string[] = [];
  // Found only if there is something to tell: that takes its time.
  let lines: readonly number[] | undefined;
  for (const [index, entry] of list.entries()) {
    const { host, port: own = port } = partsOf(entry);
    const found = host === undefined ? [expected('{ host, port } or "host:port"', entry)] : problemsOf(host, own);
    if (found.length === 0) peers.push({ host: host as string, port: own as number });
    else problems.push(`line ${(lines ??= jsonEntryLines(text))[index] ?? '?'}: ${found.join(', ')}`);
  }
  return { peers, problems };
}

function ofHosts(text: string, port: number | undefined): Entries {
  if (port === undefined) return { peers: [], problems: ['a hosts file names no port: give file() the option port'] };
  const peers: PeerAddress[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r\n|\n|\r/).entries()) {
    const [address] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (address === undefined || address === '') continue;
    const found =
      isIP(address) === 0
        ? [`${printable(address, 64)} is no IP address, with which a line begins, without a port`]
        : problemsOf(address, port);
    if (found.length === 0) peers.push({ host: address, port });
    else problems.push(`line ${index + 1}: ${found.join(', ')}`);
  }
  return { peers, problems };
}

/** With or without a port, IPv6 in brackets then. */
const HOST_AND_PORT = /^(?:\[(?<bracketed>[^\]]+)\]|(?<bare>[^:[\]]+))(?::(?<port>\d{1,5}))?$/;

function partsOf(entry: unknown): { readonly host?: unknown; readonly port?: unknown } {
  if (isRecord(entry)) return { host: entry['host'] ?? null, port: entry['port'] };
  if (typeof entry !== 'string') return {};
  if (isIPv6(entry)) return { host: entry };
  const { bracketed, bare, port } = HOST_AND_PORT.exec(entry)?.groups ?? {};
  return { host: bracketed ?? bare, port: port === undefined ? undefined : Number(port) };
}

function problemsOf(host: unknown, port: unknown): string[] {
  const problems: string[] = [];
  const ofHost = hostRule(host ?? undefined);
  if (ofHost !== undefined) problems.push(`host ${ofHost}`);
  const ofPort = portRule(port);
  if (ofPort !== undefined) problems.push(`port ${ofPort}`);
  return problems;
}

function describeSyntaxError(text: string, error: unknown): string {
  const message = printable(describeError(error));
  // Not every error tells the place: that of a comma too many does not.
  const position = /position (\d+)/.exec(message)?.[1] ?? commaWithoutEntry(text);
  const where = position === undefined ? '' : `line ${lineAt(text, Number(position))}: `;
  return `${where}it is no JSON, or only half of it: ${message}`;
}
