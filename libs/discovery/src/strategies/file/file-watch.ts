/** Tells of changes of one file, also of those by which it is replaced: looks at the directory in which it lies. */
import { type Clock, describeError, type Logger, type Timer } from '@rookery/runtime';
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

/** Calls `onEvent` with the name of what changed in a folder, if the system tells. May throw. */
export type WatchFolder = (folder: string, onEvent: (name: string | null) => void) => FSWatcher;

/** As the system of this machine does it; keeps no process alive. */
export const watchFolder: WatchFolder = (folder, onEvent) =>
  watch(folder, { persistent: false }, (_kind, name) => onEvent(name));

/** So long a change may take: what is written in place is written in steps, and each of them is reported. */
const SETTLE_MS = 50;

/**
 * A file that is rendered anew is mostly written elsewhere and moved to its place, so that a watcher of the file itself
 * would stay with the old one. Kubernetes swaps a link beside the file, `..data`, on which the path of the file leads.
 */
export class FileWatch {
  private readonly folder: string;
  private readonly fileName: string;
  private watcher: FSWatcher | undefined;
  /** Which directory is watched: one that was replaced has the name, but is another. */
  private watched = '';
  private settling: Timer | undefined;
  private isClosed = false;
  private complaint = '';

  constructor(
    private readonly path: string,
    private readonly watchIn: WatchFolder,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly onChange: () => void,
  ) {
    this.folder = dirname(path);
    this.fileName = basename(path);
  }

  /** Why changes are noticed at the next poll only; empty when they are noticed at once. */
  get unwatched(): string {
    return this.complaint;
  }

  /** Watches the directory that is there now, unless it does already. To be called at every poll; never rejects. */
  async renew(): Promise<void> {
    try {
      const { dev, ino } = await stat(this.folder);
      const identity = `${dev}:${ino}`;
      if (this.isClosed || (this.watcher !== undefined && identity === this.watched)) return;
      this.stop();
      const watcher = this.watchIn(this.folder, (name) => this.onEvent(name));
      watcher.on('error', (error) => {
        // The next poll tries again.
        if (this.watcher === watcher) this.stop();
        this.complain(error);
      });
      this.watcher = watcher;
      this.watched = identity;
      this.complaint = '';
    } catch (error) {
      this.stop();
      this.complain(error);
    }
  }

  close(): void {
    this.isClosed = true;
    this.stop();
    this.settling?.cancel();
  }

  private onEvent(name: string | null): void {
    // Its own name is said of a directory that is removed. The next one may be made under the same number.
    const isRemoved = name === basename(this.folder);
    if (isRemoved) this.watched = '';
    // Not every system says what changed. Two dots begin the names that Kubernetes swaps.
    const concernsUs = isRemoved || name === null || name === this.fileName || name.startsWith('..');
    if (this.isClosed || !concernsUs) return;
    this.settling?.cancel();
    this.settling = this.clock.after(SETTLE_MS, () => this.onChange());
  }

  private stop(): void {
    this.watcher?.close();
    this.watcher = undefined;
  }

  private complain(error: unknown): void {
    const text = describeError(error);
    if (this.isClosed || text === this.complaint) return;
    this.complaint = text;
    // A directory that is not there is told of by whoever reads the file.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    this.logger.warn(`Cannot watch ${this.path}; its changes are noticed at the next poll: ${text}`);
  }
}
