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

/** Words that stand in examples and defaults; a cookie that is made of little else is no secret. */
const WELL_KNOWN_WORDS = [
  'secret',
  'changeme',
  'change-me',
  'change',
  'password',
  'cookie',
  'rookery',
  'cluster',
  'default',
  'example',
  'replace',
  'token',
  'test',
  'nestjs',
  'admin',
  'monster',
  'your',
  'this',
  'with',
  'here',
  'please',
  'super',
  'my',
];

/** Neighbours in the alphabet, in counting and on the keyboard: four of them in a row, or more, count as a word. */
const WELL_KNOWN_RUNS = [
  'abcdefghijklmnopqrstuvwxyz',
  '01234567890',
  '9876543210',
  'qwertyuiop',
  'asdfghjkl',
  'zxcvbnm',
  '!@#$%^&*()',
];
const MIN_RUN = 4;

const WELL_KNOWN = new RegExp(
  [...WELL_KNOWN_WORDS, ...WELL_KNOWN_RUNS.flatMap(pieces)]
    .sort((a, b) => b.length - a.length)
    .map((word) => word.replace(/[\^$*()]/g, '\\$&'))
    .join('|'),
  'g',
);

/** Fewer characters than these beside well-known words can be guessed. */
const MIN_OTHER_CHARACTERS = 8;
/** Fewer different characters than these come of no generator. */
const MIN_DIFFERENT_CHARACTERS = 6;

/** What is wrong with `cookie`, with the mend; undefined when it will do. Never quotes the cookie. */
export function cookieProblem(cookie: unknown): string | undefined {
  if (typeof cookie !== 'string') return `cookie: must be a string of at least ${MIN_COOKIE_LENGTH} characters.`;
  const trimmed = cookie.trim();
  if (cookie !== trimmed) {
    const rest = cookieProblem(trimmed);
    return (
      'cookie: begins or ends with white space, such as the newline at the end of a file. Trim it, on every node.' +
      // All problems at once: nobody should mend the one only to meet the other.
      (rest === undefined ? '' : rest.replace(/^cookie:/, ' Trimmed, it'))
    );
  }
  if (cookie.length < MIN_COOKIE_LENGTH) {
    return `cookie: has ${cookie.length} characters, at least ${MIN_COOKIE_LENGTH} are needed. Make one with: openssl rand -hex 32`;
  }
  if (otherCharacters(cookie.toLowerCase().replaceAll(WELL_KNOWN, '')) < MIN_OTHER_CHARACTERS) {
    return 'cookie: is made of well-known words. Make one with: openssl rand -hex 32';
  }
  if (new Set(cookie).size < MIN_DIFFERENT_CHARACTERS) {
    return 'cookie: repeats the same few characters. Make one with: openssl rand -hex 32';
  }
  return undefined;
}

/** Every part of `run` that is long enough. */
function pieces(run: string): string[] {
  return Array.from(run, (_, from) => from).flatMap((from) =>
    Array.from(run, (_, to) => run.slice(from, to + 1)).filter((piece) => piece.length >= MIN_RUN),
  );
}

/** Letters and digits of any script, and each other sign once, but for those that only part words. */
function otherCharacters(rest: string): number {
  const letters = rest.match(/[\p{L}\p{M}\p{N}]/gu) ?? [];
  const signs = rest.match(/[^\p{L}\p{M}\p{N}\s._-]/gu) ?? [];
  return letters.length + new Set(signs).size;
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
