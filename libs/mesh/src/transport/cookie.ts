/** The shared secret: which cookies are good enough, and the cookie of a single machine, made once. */
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '@rookery/runtime';
import { ClusterError } from '../errors.js';

/** A cookie on its way to the key derivation: no log, error, JSON or inspection shows it. */
export class SecretCookie {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** For the key derivation alone. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[cookie]';
  }
}

/** Shorter secrets can be guessed offline by anyone who saw one dial. */
export const MIN_COOKIE_LENGTH = 16;
const COOKIE_FILE = '.rookery.cookie';

/** Words that stand in examples and defaults; a cookie that is made of nothing else is no secret. */
const WELL_KNOWN = [
  'secret',
  'changeme',
  'change-me',
  'password',
  'cookie',
  'rookery',
  'cluster',
  'default',
  'example',
  'test',
  'nestjs',
  'admin',
  'monster',
  'your',
  'this',
  'please',
  'super',
  'my',
];

/** What is wrong with `cookie`, with the mend; undefined when it will do. Never quotes the cookie. */
export function cookieProblem(cookie: unknown): string | undefined {
  if (typeof cookie !== 'string') return `cookie: must be a string of at least ${MIN_COOKIE_LENGTH} characters.`;
  if (cookie.length < MIN_COOKIE_LENGTH) {
    return `cookie: has ${cookie.length} characters, at least ${MIN_COOKIE_LENGTH} are needed. Make one with: openssl rand -hex 32`;
  }
  let rest = cookie.toLowerCase();
  for (const word of WELL_KNOWN) rest = rest.split(word).join('');
  if (/^[^a-z]*$/.test(rest) && !/[0-9a-f]{16}/.test(rest)) {
    return 'cookie: is made of well-known words. Make one with: openssl rand -hex 32';
  }
  if (new Set(cookie).size < 6) return 'cookie: repeats the same few characters. Make one with: openssl rand -hex 32';
  return undefined;
}

/**
 * The cookie of this user on this machine, for the `local` strategy: `~/.rookery.cookie`, mode 0600, made at the first
 * start. Several processes may start at once: the file is written aside and linked into place, so all read the same one.
 * @throws ClusterError `CLUSTER_COOKIE_UNAVAILABLE`
 */
export function homeCookie(random: Random, home = homedir()): string {
  const path = join(home, COOKIE_FILE);
  try {
    return readCookieFile(path) ?? makeCookieFile(path, home, random);
  } catch (error) {
    if (error instanceof ClusterError) throw error;
    throw new ClusterError(
      'CLUSTER_COOKIE_UNAVAILABLE',
      `Cannot read or make ${path}: ${(error as Error).message}. Make the home directory writable, or give every node the same \`cookie\`.`,
      { cause: error },
    );
  }
}

function readCookieFile(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { mode } = statSync(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
    throw new ClusterError(
      'CLUSTER_COOKIE_UNAVAILABLE',
      `${path} can be read by others (mode ${(mode & 0o777).toString(8)}). Run: chmod 600 ${path}`,
    );
  }
  if (cookieProblem(text) !== undefined) {
    throw new ClusterError(
      'CLUSTER_COOKIE_UNAVAILABLE',
      `${path} holds no usable cookie. Remove it, a new one is made at the next start.`,
    );
  }
  return text;
}

function makeCookieFile(path: string, home: string, random: Random): string {
  mkdirSync(home, { recursive: true });
  const aside = `${path}.${process.pid}.${random.bytes(6).toString('hex')}`;
  writeFileSync(aside, `${random.bytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  chmodSync(aside, 0o600);
  try {
    linkSync(aside, path);
  } catch (error) {
    // Another process was first: its cookie counts.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
  const cookie = readCookieFile(path);
  if (cookie === undefined) throw new Error('the file vanished');
  return cookie;
}
