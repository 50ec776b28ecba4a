/** The directory in which the processes of one user meet: where it is, and whether anybody else could write there. */
import { type FSWatcher, type Stats, watch } from 'node:fs';
import { lstat, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { DiscoveryError } from '../../errors.js';

/** What local() asks of the machine it runs on; replaced where a test needs another one. */
export interface Machine {
  readonly pid: number;
  /** The user this process runs as; undefined where there is no such number (Windows). */
  readonly uid: number | undefined;
  /** `$XDG_RUNTIME_DIR`: made and cleared by the system for each user who is logged in. */
  readonly runtimeDirectory: string | undefined;
  readonly temporaryDirectory: string;
  /** Whether a process runs under this pid. */
  isAlive(pid: number): boolean;
  /** Calls `onEvent` when a file comes into a folder, changes or goes, if the system tells. May throw. */
  watch(folder: string, onEvent: () => void): FSWatcher;
}

/** The machine this process runs on. */
export function thisMachine(): Machine {
  return {
    pid: process.pid,
    uid: process.getuid?.(),
    // eslint-disable-next-line rookery/environment -- where the system keeps it, not how this node is configured
    runtimeDirectory: process.env['XDG_RUNTIME_DIR'],
    temporaryDirectory: tmpdir(),
    isAlive,
    watch: (folder, onEvent) => watch(folder, { persistent: false }, onEvent),
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Anything but "no such process" is a process, if perhaps one that we may not signal.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * `$XDG_RUNTIME_DIR/rookery`, or `rookery-<uid>` among the temporary files. A runtime directory that is not the user's
 * own is passed over: `su` and `sudo` leave that of the former user in the environment.
 */
export async function defaultDirectory({ uid, runtimeDirectory, temporaryDirectory }: Machine): Promise<string> {
  if (runtimeDirectory !== undefined && isAbsolute(runtimeDirectory)) {
    // One that cannot even be looked at is as little ours as one that is not there.
    const stats = await lstat(runtimeDirectory).catch(() => undefined);
    if (stats !== undefined && privacyProblem(stats, uid) === undefined) return join(runtimeDirectory, 'rookery');
  }
  return join(temporaryDirectory, `rookery-${uid ?? 'user'}`);
}

/**
 * Makes the directory if it is missing (mode 0700), and makes sure that nobody else can write into it: whoever can
 * write there decides whom this process dials, and fills the disk.
 *
 * @throws {@link DiscoveryError} `DISCOVERY_DIRECTORY_UNSAFE` or `DISCOVERY_DIRECTORY_UNUSABLE`.
 */
export async function ensurePrivateDirectory(directory: string, uid: number | undefined): Promise<void> {
  const problem = await usable(directory, async () => {
    if ((await lstatIfAny(directory)) === undefined) await mkdir(directory, { recursive: true, mode: 0o700 });
    // Looked at again even if just made: between the two calls another process may have been faster.
    return privacyProblem(await lstat(directory), uid);
  });
  if (problem === undefined) return;
  throw new DiscoveryError(
    'DISCOVERY_DIRECTORY_UNSAFE',
    `${directory}, where processes on this machine announce themselves, ${problem}. Remove it (it is made again), ` +
      'correct its owner and mode (0700), or choose another one: local({ directory }).',
  );
}

/** Why a directory must not be trusted by user `uid`; undefined when it can be. Pure. */
export function privacyProblem(
  stats: Pick<Stats, 'isDirectory' | 'isSymbolicLink' | 'uid' | 'mode'>,
  uid?: number,
): string | undefined {
  if (stats.isSymbolicLink()) return 'is a symbolic link';
  if (!stats.isDirectory()) return 'is not a directory';
  if (uid === undefined) return undefined;
  if (stats.uid !== uid) return `belongs to user ${stats.uid}, while this process runs as user ${uid}`;
  const mode = stats.mode & 0o777;
  return (mode & 0o022) === 0 ? undefined : `can be written by others (mode 0${mode.toString(8)})`;
}

/**
 * Runs a piece of work in the directory and turns the system's failure into one that says what to do.
 *
 * @throws {@link DiscoveryError} `DISCOVERY_DIRECTORY_UNUSABLE`, with the system's error as `cause`.
 */
export async function usable<Result>(directory: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw new DiscoveryError(
      'DISCOVERY_DIRECTORY_UNUSABLE',
      `${directory}, where processes on this machine announce themselves, cannot be used: ${(cause as Error).message}. ` +
        'Make it writable for this user, or choose another one: local({ directory }).',
      { cause },
    );
  }
}

async function lstatIfAny(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
