/** Search domains: what a resolver appends to a name that does not end in a dot. The reading is a shell, the rest is pure. */
import { readFile } from 'node:fs/promises';

/** Where Unix keeps them; what is beyond these bounds is no such file. */
const RESOLVER_FILE = '/etc/resolv.conf';
const MAX_FILE_LENGTH = 65_536;
/** As many as the C library of Linux takes from `/etc/resolv.conf` by tradition, and Kubernetes writes. */
const MAX_DOMAINS = 32;

/**
 * The search domains in the text of a `resolv.conf` (resolv.conf(5)): those of the last `search` or `domain` line.
 *
 * @example
 * parseSearchDomains('search shop.svc.cluster.local svc.cluster.local'); // ['shop.svc.cluster.local', 'svc.cluster.local']
 */
export function parseSearchDomains(text: string): string[] {
  let domains: string[] = [];
  for (const line of text.slice(0, MAX_FILE_LENGTH).split('\n')) {
    const [keyword, ...values] = line
      .replace(/[;#].*$/u, '')
      .trim()
      .split(/\s+/u);
    if (keyword === 'search') domains = values;
    else if (keyword === 'domain') domains = values.slice(0, 1);
  }
  return domains
    .map((domain) => domain.replace(/^\.+|\.+$/gu, ''))
    .filter((domain) => domain !== '')
    .slice(0, MAX_DOMAINS);
}

/**
 * The names to ask for, in this order. As it is written comes first, other than in the C library, where a name with few
 * dots comes last: a full name then costs one question, and a bare name that the server itself knows, as in Compose, too.
 */
export function candidateNames(name: string, domains: readonly string[]): string[] {
  return name.endsWith('.') ? [name] : [name, ...domains.map((domain) => `${name}.${domain}`)];
}

/** The search domains of this machine, read anew at each call; none where there is no such file. */
export async function machineSearchDomains(file = RESOLVER_FILE): Promise<string[]> {
  try {
    return parseSearchDomains(await readFile(file, 'utf8'));
  } catch {
    return []; // Windows has no such file; where it cannot be read, the resolver has none to ask either.
  }
}
