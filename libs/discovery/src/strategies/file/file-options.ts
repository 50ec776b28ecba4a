/** What file() can be told, and what it makes of it. */
import { resolve } from 'node:path';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  checkOptions,
  expected,
  optionalRule,
  type OptionRules,
  pollIntervalRule,
  portRule,
} from '../../option-check.js';
import type { PeersFileFormat } from './peers-file.js';

/** Options of {@link file}. */
export interface FileOptions {
  /** Where the file is; a relative path starts at the working directory of the moment in which `file()` is called. */
  readonly path: string;
  /**
   * How it is written. `json`: an array of `{ host, port }` or of texts such as `10.0.3.7:4370`, or an object that has
   * such an array as `peers`. `hosts`: lines as in `/etc/hosts`, an IP address, then names that nobody reads, and `#`
   * before comments; needs `port`.
   * @default 'json' when the path ends in `.json` or the text begins with `[` or `{`, else 'hosts'
   */
  readonly format?: PeersFileFormat;
  /** The port of every entry that names none: always with `hosts`, sometimes with `json`. */
  readonly port?: number;
  /**
   * How often to read the file whatever the system tells of changes, in milliseconds, 100 to 3 600 000. Where changes are
   * reported, as on most local file systems, they are noticed at once.
   * @default 5000
   */
  readonly pollIntervalMs?: number;
}

/** The values of {@link FileOptions} that may be left out. */
export const DEFAULT_FILE_OPTIONS = { pollIntervalMs: 5_000 } as const;

/** Checked and complete. */
export interface ResolvedFileOptions {
  /** Absolute. */
  readonly path: string;
  /** Undefined: what the text looks like. */
  readonly format: PeersFileFormat | undefined;
  readonly port: number | undefined;
  readonly pollIntervalMs: number;
}

const RULES: OptionRules<FileOptions> = {
  path: (value) =>
    typeof value === 'string' && value !== '' && !value.includes('\0') ? undefined : expected('a path', value),
  format: optionalRule((value) =>
    value === 'json' || value === 'hosts' ? undefined : expected("'json' or 'hosts'", value),
  ),
  port: optionalRule(portRule),
  pollIntervalMs: optionalRule(pollIntervalRule),
};

/** @throws {@link DiscoveryOptionsError} naming every problem. */
export function resolveFileOptions(options: FileOptions): ResolvedFileOptions {
  const problems = checkOptions(options, RULES);
  const { path, port, pollIntervalMs = DEFAULT_FILE_OPTIONS.pollIntervalMs } = options ?? {};
  const format = options?.format ?? (/\.json$/i.test(String(path)) ? 'json' : undefined);
  if (format === 'hosts' && port === undefined) {
    problems.push('port is missing, a hosts file names none: give the port on which the peers listen');
  }
  if (problems.length > 0) throw new DiscoveryOptionsError('file()', problems);
  return { path: resolve(path), format, port, pollIntervalMs };
}
