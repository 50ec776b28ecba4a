/** Peers on this machine: processes of one user, which find each other through a directory. The default strategy. */
import { join, resolve } from 'node:path';
import { uniqueAddresses } from '../../address.js';
import type { DiscoveryContext, DiscoverySelf, DiscoveryStrategy, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError, DiscoveryOptionsError } from '../../errors.js';
import { checkOptions, expected, optionalRule, type OptionRules } from '../../option-check.js';
import { clusterFolder, encodeAnnouncement } from './local-announcement.js';
import { LocalBoard } from './local-board.js';
import { defaultDirectory, ensurePrivateDirectory, type Machine, thisMachine, usable } from './local-directory.js';

/** Options of {@link local}. */
export interface LocalOptions {
  /**
   * Where processes announce themselves; the same for all that shall meet. Made with mode 0700 when it is missing;
   * refused when it belongs to another user or others can write there.
   * @default '$XDG_RUNTIME_DIR/rookery', else 'rookery-<uid>' in the directory for temporary files
   */
  readonly directory?: string;
}

/** How often local() wants to be asked, in milliseconds. Watching is faster, but not every file system reports changes. */
export const LOCAL_POLL_INTERVAL_MS = 1_000;

const RULES: OptionRules<LocalOptions> = {
  directory: optionalRule((value) =>
    typeof value === 'string' && value !== '' ? undefined : expected('a path', value),
  ),
};

/**
 * Processes of one user on one machine find each other with no configuration: each writes a small file into a private
 * directory, watches the directory, and removes the file when it leaves. Files of processes that died are removed by
 * whoever sees them. Clusters of different names share the directory and do not see each other.
 *
 * Processes in different containers do not meet this way, even if they share the directory: a process cannot tell
 * whether one in another container is alive. Use {@link dns} there.
 *
 * @returns a strategy for one node: `start` rejects with `DISCOVERY_IN_USE` for a second one. It also rejects, as
 * `announce` does, with `DISCOVERY_DIRECTORY_UNSAFE` when somebody else could write into the directory, and with
 * `DISCOVERY_DIRECTORY_UNUSABLE` when it cannot be made or written.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`.
 * @example
 * local();
 * local({ directory: '/run/user/1000/shop' });
 */
export function local(options: LocalOptions = {}): DiscoveryStrategy {
  return localOn(thisMachine(), options);
}

/** {@link local} on a machine of one's choice. @internal */
export function localOn(machine: Machine, options: LocalOptions): DiscoveryStrategy {
  const problems = checkOptions(options, RULES);
  if (problems.length > 0) throw new DiscoveryOptionsError('local()', problems);
  return new LocalStrategy(machine, options.directory && resolve(options.directory));
}

/** What is held between `start` and `withdraw`. */
interface Place {
  readonly context: DiscoveryContext;
  readonly directory: string;
  readonly board: LocalBoard;
}

class LocalStrategy implements DiscoveryStrategy {
  readonly name = 'local';
  readonly scope = 'user';
  readonly pollIntervalMs = LOCAL_POLL_INTERVAL_MS;
  private context: DiscoveryContext | undefined;
  /** A promise, so that leaving while it still opens waits for what there is to release. */
  private place: Promise<Place> | undefined;

  constructor(
    private readonly machine: Machine,
    private readonly directory: string | undefined,
  ) {}

  async start(context: DiscoveryContext): Promise<void> {
    if (this.context !== undefined) throw inUse();
    this.context = context;
    await this.takePlace();
  }

  async announce(self: DiscoverySelf, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { board, context, directory } = await this.takePlace();
    await ensurePrivateDirectory(directory, this.machine.uid);
    const content = encodeAnnouncement(self, this.machine.pid, context.clock.wallNow());
    await usable(directory, () => board.post(content));
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    const { board, directory } = await this.takePlace();
    const announcements = await usable(directory, () => board.read(signal));
    signal.throwIfAborted();
    return uniqueAddresses(announcements);
  }

  async withdraw(): Promise<void> {
    const opening = this.place;
    this.context = undefined;
    this.place = undefined;
    const place = await opening?.catch(() => undefined); // Whoever waited for it has been told why it failed.
    if (place !== undefined) await usable(place.directory, () => place.board.close());
  }

  /** The place taken before or, if that failed, a new attempt: once the directory is mended, the next poll succeeds. */
  private async takePlace(): Promise<Place> {
    if (this.context === undefined) throw notStarted();
    const place = (this.place ??= this.open(this.context));
    try {
      return await place;
    } catch (error) {
      if (this.place === place) this.place = undefined;
      throw error;
    }
  }

  private async open(context: DiscoveryContext): Promise<Place> {
    const directory = this.directory ?? (await defaultDirectory(this.machine));
    await ensurePrivateDirectory(directory, this.machine.uid);
    const { cluster, incarnation } = context.self;
    const folder = join(directory, clusterFolder(cluster));
    const board = new LocalBoard(folder, incarnation, this.machine, context.logger, () => context.changed());
    await usable(directory, () => board.open());
    context.logger.debug(`Processes of cluster ${cluster} on this machine announce themselves in ${folder}`);
    return { context, directory, board };
  }
}

function notStarted(): DiscoveryError {
  return new DiscoveryError(
    'DISCOVERY_NOT_STARTED',
    'local() was asked before it was started, or after it left: start(context) tells it the cluster to look for.',
  );
}

function inUse(): DiscoveryError {
  return new DiscoveryError(
    'DISCOVERY_IN_USE',
    'This local() already serves a node: it announces one process. Call local() again for each node.',
  );
}
