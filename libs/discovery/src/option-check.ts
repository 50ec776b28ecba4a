/** Checks options before anything runs, and names every problem at once: unknown keys, misspelt keys, wrong values. Pure. */
import { describeValue, printable } from '@rookery/runtime';
import { isIP } from 'node:net';
import { isUnspecified, normalizeHost } from './address.js';

/**
 * Says what is wrong with a value, as the end of a sentence that begins with the option's name (`must be a port ...`);
 * undefined when nothing is. A rule for a secret leaves the value out of its answer.
 */
export type OptionRule = (value: unknown) => string | undefined;

/** One rule for each option: what has no rule here is no option. */
export type OptionRules<Options extends object> = { readonly [Key in keyof Options]-?: OptionRule };

/**
 * Every problem of `options`, one sentence each; an empty list when they are fine.
 *
 * @param path - where the options stand in the whole, such as `peers[2]`; put before each name.
 * @example
 * checkOptions({ prot: 1 }, { port: portRule });
 * // ["prot is not an option, did you mean port?", 'port is missing, give an integer from 1 to 65535']
 */
export function checkOptions(options: unknown, rules: Readonly<Record<string, OptionRule>>, path = ''): string[] {
  if (!isRecord(options)) return [`${path === '' ? 'options' : path} ${expected('an object', options)}`];
  const problems = unknownKeys(options, Object.keys(rules), path);
  for (const [key, rule] of Object.entries(rules)) {
    const problem = rule(options[key]);
    if (problem !== undefined) problems.push(`${joinPath(path, key)} ${problem}`);
  }
  return problems;
}

/**
 * One sentence for each own key of `object` that is not allowed, with the option probably meant. A key whose value is
 * undefined counts: it is as misspelt as any other.
 *
 * @param path - see {@link checkOptions}.
 */
export function unknownKeys(object: object, allowed: readonly string[], path = ''): string[] {
  return Object.keys(object)
    .filter((key) => !allowed.includes(key))
    .map((key) => {
      const meant = closest(key, allowed);
      const hint = meant === undefined ? `; the options are ${allowed.join(', ')}` : `, did you mean ${meant}?`;
      return `${printable(joinPath(path, key), 64)} is not an option${hint}`;
    });
}

/** Names longer than this are not compared: the work grows with the square of the length. */
const LONGEST_COMPARED_NAME = 64;

/** From this length on, a name contained in another is taken for it: `interval` for `pollIntervalMs`. */
const SHORTEST_CONTAINED_NAME = 4;

/**
 * The candidate that `name` is probably a misspelling of: at most a third of its letters differ (swapped neighbours
 * count once, case does not count), or one contains the other. Undefined when nothing comes near.
 *
 * @example
 * closest('pollInterval', ['hostname', 'port', 'pollIntervalMs']); // 'pollIntervalMs'
 */
export function closest(name: string, candidates: readonly string[]): string | undefined {
  if (name.length > LONGEST_COMPARED_NAME) return undefined;
  const wanted = name.toLowerCase();
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase());
    const limit = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (distance <= limit && distance < (best?.distance ?? Infinity)) best = { candidate, distance };
  }
  return best?.candidate ?? candidates.find((candidate) => containsEither(wanted, candidate.toLowerCase()));
}

function containsEither(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= SHORTEST_CONTAINED_NAME && long.includes(short);
}

/** Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let distance = Math.min(previous[column]! + 1, current[column - 1]! + 1, previous[column - 1]! + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) distance = Math.min(distance, beforePrevious[column - 2]! + 1);
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}

/** Lets an option be left out; given, it must satisfy `rule`. */
export function optionalRule(rule: OptionRule): OptionRule {
  return (value) => (value === undefined ? undefined : rule(value));
}

/** An array of 1 to `max` entries, each of which satisfies `rule`. */
export function listRule(rule: OptionRule, max: number): OptionRule {
  return (value) => {
    if (!Array.isArray(value)) return expected('an array', value);
    if (value.length === 0 || value.length > max) return `must have 1 to ${max} entries, got ${value.length}`;
    const problems = value.map((entry, index) => ({ index, problem: rule(entry) })).filter(({ problem }) => problem);
    return problems.length === 0 ? undefined : problems.map(({ index, problem }) => `[${index}] ${problem}`).join(', ');
  };
}

/** One value, or an array of 1 to `max` of them. */
export function oneOrMoreRule(rule: OptionRule, max: number): OptionRule {
  const list = listRule(rule, max);
  return (value) => (Array.isArray(value) ? list(value) : rule(value));
}

/** An integer within bounds, both included. */
export function integerRule(min: number, max: number): OptionRule {
  return (value) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : expected(`an integer from ${min} to ${max}`, value);
}

/** A port that can be dialled: 1 to 65535. */
export const portRule: OptionRule = integerRule(1, 65_535);

/** How often a strategy may want to be asked, in milliseconds: 100 to one hour. */
export const pollIntervalRule: OptionRule = integerRule(100, 3_600_000);

/** A host that can be dialled: an IP address, with or without brackets, or a name; without a port. */
export const hostRule: OptionRule = (value) => {
  const what = 'an IP address or a host name';
  if (typeof value !== 'string' || value === '') return expected(what, value);
  const host = normalizeHost(value);
  if (isUnspecified(host)) return `must be ${what} that can be dialled; ${host} is for listening only`;
  return isIP(host) === 0 ? nameProblem(host, what) : undefined;
};

/** A name that DNS can be asked for; an IP address is none. */
export const dnsNameRule: OptionRule = (value) => {
  const what = 'a DNS name';
  if (typeof value !== 'string' || value === '') return expected(what, value);
  if (isIP(normalizeHost(value)) !== 0) return `must be ${what}; for the fixed address ${value} use staticPeers()`;
  return nameProblem(value, what);
};

/** RFC 1035: 63 octets a label, 253 in all. No control characters, nor what stands for bytes that are no text. */
const DNS_NAME = /^(?=.{1,254}$)[^\s\p{Cc}\uFFFD.:/@[\]]{1,63}(\.[^\s\p{Cc}\uFFFD.:/@[\]]{1,63})*\.?$/u;
const HOST_WITH_PORT = /^[^\s:/]+:\d+$/;

function nameProblem(name: string, what: string): string | undefined {
  if (HOST_WITH_PORT.test(name))
    return `must be ${what} without a port, got ${describeValue(name)}; give the port as port`;
  return DNS_NAME.test(name) ? undefined : expected(what, name);
}

/** The end of a sentence for a value that is not `what` is wanted: a missing one is said to be missing. */
export function expected(what: string, value: unknown): string {
  return value === undefined ? `is missing, give ${what}` : `must be ${what}, got ${describeValue(value)}`;
}

/** Whether a value is an object with keys; arrays and null are not. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function joinPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
