/** What a process writes about itself for the others on its machine, and under which name. Pure. */
import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { isLoopback, isUnspecified, normalizeHost } from '../../address.js';
import type { DiscoverySelf, PeerAddress } from '../../discovery-strategy.js';
import {
  expected,
  hostRule,
  integerRule,
  isRecord,
  optionalRule,
  type OptionRules,
  portRule,
} from '../../option-check.js';

/** One process, as its file describes it. Readers ignore fields they do not know, so that versions can mix. */
export interface Announcement extends PeerAddress {
  readonly pid: number;
  /** For the person who looks into the directory. */
  readonly name: string;
  /** Milliseconds since the Unix epoch, for display. */
  readonly startedAt?: number;
}

/** A larger file is no announcement. */
export const MAX_ANNOUNCEMENT_BYTES = 4_096;

/** Names beyond this are cut, so that every announcement stays well below {@link MAX_ANNOUNCEMENT_BYTES}. */
const MAX_NAME_LENGTH = 256;

/**
 * The folder of a cluster: readable, safe on every file system, and different for different names, also where case
 * does not count.
 *
 * @example
 * clusterFolder('shop/eu'); // 'shop-eu-' and 12 hexadecimal digits
 */
export function clusterFolder(cluster: string): string {
  const readable = cluster
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 32);
  const digest = createHash('sha256').update(cluster).digest('hex').slice(0, 12);
  return readable === '' ? digest : `${readable}-${digest}`;
}

/** The file of one incarnation. */
export function announcementFile(incarnation: string): string {
  return `${incarnation}.json`;
}

/** Where the file is written before it is renamed; bears the pid, so that what a crash leaves behind can be recognised. */
export function temporaryFile(incarnation: string, pid: number): string {
  return `.${incarnation}.${pid}.tmp`;
}

/** The pid in the name of a {@link temporaryFile}; undefined for every other name. */
export function temporaryFilePid(file: string): number | undefined {
  const pid = Number(/^\..+\.(\d+)\.tmp$/.exec(file)?.[1]);
  return pidRule(pid) === undefined ? pid : undefined;
}

/**
 * The host under which processes of the same machine reach one that listens on `host`: "every address" becomes
 * loopback, and so does the name `localhost`, which each reader might resolve differently.
 */
export function hostForNeighbours(host: string): string {
  const normal = normalizeHost(host);
  const isLocalName = isIP(normal) === 0 && isLoopback(normal);
  return isUnspecified(normal) || isLocalName ? '127.0.0.1' : normal;
}

/** The content of the file of `self`. */
export function encodeAnnouncement(self: DiscoverySelf, pid: number, startedAt: number): string {
  const announcement: Announcement = {
    host: hostForNeighbours(self.address.host),
    port: self.address.port,
    pid,
    name: self.name.slice(0, MAX_NAME_LENGTH),
    startedAt,
  };
  return `${JSON.stringify(announcement)}\n`;
}

/**
 * Reads the content of a file that anything may have written.
 *
 * @throws an Error whose message says why this is no announcement.
 */
export function decodeAnnouncement(text: string): Announcement {
  const value: unknown = JSON.parse(text);
  if (!isRecord(value)) throw new Error(expected('an object', value));
  for (const [key, rule] of Object.entries(RULES)) {
    const problem = rule(value[key]);
    if (problem !== undefined) throw new Error(`${key} ${problem}`);
  }
  const { host, port, pid, name, startedAt } = value as unknown as Announcement;
  return { host, port, pid, name, startedAt };
}

const pidRule = integerRule(1, 2 ** 31 - 1);

const RULES: OptionRules<Announcement> = {
  host: hostRule,
  port: portRule,
  pid: pidRule,
  name: (value) => (typeof value === 'string' ? undefined : expected('a string', value)),
  startedAt: optionalRule((value) => (typeof value === 'number' ? undefined : expected('a number', value))),
};
