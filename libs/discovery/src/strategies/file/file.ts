/** Peers from a file that somebody else writes: a template, a configuration map, a test. */
import type { DiscoveryContext, DiscoveryStrategy, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError } from '../../errors.js';
import { untilAborted } from '../../until-aborted.js';
import { type FileOptions, resolveFileOptions, type ResolvedFileOptions } from './file-options.js';
import { readTextFile } from './file-read.js';
import { FileWatch, type WatchFolder, watchFolder } from './file-watch.js';
import { parsePeersFile } from './peers-file.js';

/**
 * Peers from a file: what consul-template, Nomad or Ansible render, a ConfigMap of Kubernetes, a list that a test writes.
 * The file is read at every poll, and as soon as the system tells that it, or the link that leads to it, was changed or
 * replaced. One that lies behind a link into another directory, and is written there, is noticed at the next poll.
 *
 * - *Unknown.* While the file is missing, cannot be read, or holds a single mistake, `discover` rejects, and the peers
 *   known before stay. So a template that is not rendered yet, or half written, is never taken for one without entries.
 * - *Nobody.* `[]`, `{ "peers": [] }`, or a hosts file with nothing but comments and empty lines.
 * - *Bounds.* 1 MiB and 2000 peers; what is larger is refused as a whole.
 *
 * Whoever can write the file decides whom this node dials, and no more: who answers must hold the cookie.
 *
 * @returns a strategy for one node, whose `start` rejects with `DISCOVERY_IN_USE` for a second one, and whose `discover`
 * rejects with {@link DiscoveryError} `DISCOVERY_FILE_UNREADABLE`, with `DISCOVERY_FILE_INVALID` naming each problem with
 * its line, and with the signal's reason when it is aborted.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem.
 * @example
 * file({ path: '/etc/app/peers.json' }); // ["10.0.3.7:4370", { "host": "app-2.internal", "port": 4370 }]
 * file({ path: '/local/peers', port: 4370 }); // lines such as "10.0.3.7 app-1 # rack 2"
 */
export function file(options: FileOptions): DiscoveryStrategy {
  return fileOn(watchFolder, options);
}

/** {@link file} with a way to watch of one's choice. @internal */
export function fileOn(watchIn: WatchFolder, options: FileOptions): DiscoveryStrategy {
  return new FileStrategy(watchIn, resolveFileOptions(options));
}

class FileStrategy implements DiscoveryStrategy {
  readonly name = 'file';
  readonly pollIntervalMs: number;
  private watch: FileWatch | undefined;
  /** One at a time: on a file system that hangs each would hold a thread. */
  private reading: Promise<readonly PeerAddress[]> | undefined;
  private isEmpty = false;

  constructor(
    private readonly watchIn: WatchFolder,
    private readonly options: ResolvedFileOptions,
  ) {
    this.pollIntervalMs = options.pollIntervalMs;
  }

  async start(context: DiscoveryContext): Promise<void> {
    if (this.watch !== undefined) {
      throw new DiscoveryError(
        'DISCOVERY_IN_USE',
        'This file() already serves a node, which it tells of changes. Call file() again for each node.',
      );
    }
    const { clock, logger } = context;
    this.watch = new FileWatch(this.options.path, this.watchIn, clock, logger, () => context.changed());
    await this.watch.renew();
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    const peers = await untilAborted(this.reading, signal);
    this.isEmpty = peers.length === 0;
    return [...peers];
  }

  withdraw(): Promise<void> {
    this.watch?.close();
    this.watch = undefined;
    return Promise.resolve();
  }

  explain(): string | undefined {
    if (!this.isEmpty) return undefined;
    const { path } = this.options;
    return `${path} lists nobody. If that is not meant, look at who writes it; what is added is noticed by itself.`;
  }

  private async read(): Promise<readonly PeerAddress[]> {
    // First, for what changes after the file was read must be heard of.
    await this.watch?.renew();
    const { path, format, port } = this.options;
    const { peers, problems } = parsePeersFile(await readTextFile(path), format, port);
    if (problems === undefined) return peers;
    throw new DiscoveryError(
      'DISCOVERY_FILE_INVALID',
      `${path} is no list of peers: ${problems.join('; ')}. Mend the file; until then the peers known before stay.`,
    );
  }
}
