/** The notice board of one cluster on one machine: a folder with one file for each process that takes part. */
import { describeError, type Logger, printable } from '@rookery/runtime';
import type { FSWatcher } from 'node:fs';
import { mkdir, open, opendir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Announcement,
  announcementFile,
  decodeAnnouncement,
  MAX_ANNOUNCEMENT_BYTES,
  temporaryFile,
  temporaryFilePid,
} from './local-announcement.js';
import type { Machine } from './local-directory.js';

/** Files beyond this are not looked at: one machine runs tens of processes of a cluster, not thousands. */
export const MAX_BOARD_FILES = 1_000;

/** One process's place at the board: it posts its own announcement, reads those of the others, and hears of changes. */
export class LocalBoard {
  private readonly ownFile: string;
  private watcher: FSWatcher | undefined;
  private posting: Promise<void> | undefined;
  private isClosed = false;
  /** What was read is not read again: the announcement of an incarnation never changes. */
  private known = new Map<string, Announcement>();
  /** Files already complained about. */
  private rejected = new Set<string>();
  private isOverfull = false;

  /**
   * @param folder - of this cluster; made when it is missing. Its parent must be private.
   * @param onChange - called when an announcement may have come or gone, one's own included if somebody removed it. Not
   * every file system reports changes: it spares waiting for the next poll, never the poll itself.
   */
  constructor(
    private readonly folder: string,
    private readonly incarnation: string,
    private readonly machine: Machine,
    private readonly logger: Logger,
    private readonly onChange: () => void,
  ) {
    this.ownFile = announcementFile(incarnation);
  }

  async open(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    this.watch();
  }

  /** Posts `content` unless it is there already, or just being posted. Readers see all of it or nothing. */
  post(content: string): Promise<void> {
    this.posting ??= this.postOnce(content).finally(() => {
      this.posting = undefined;
    });
    return this.posting;
  }

  /**
   * What the other living processes posted. Removes what dead ones left behind. Stops early, with nothing to tell, once
   * `signal` is aborted.
   */
  async read(signal: AbortSignal): Promise<Announcement[]> {
    const known = new Map<string, Announcement>();
    const rejected = new Set<string>();
    for (const file of await this.list()) {
      if (signal.aborted) return [];
      const writer = temporaryFilePid(file);
      if (writer !== undefined && !this.machine.isAlive(writer)) await this.discard(file);
      if (file === this.ownFile || file.startsWith('.') || !file.endsWith('.json')) continue;
      const announcement = this.known.get(file) ?? (await this.readFile(file, rejected));
      if (announcement === undefined) continue;
      if (this.machine.isAlive(announcement.pid)) known.set(file, announcement);
      else await this.discard(file);
    }
    this.known = known;
    this.rejected = rejected;
    return [...known.values()];
  }

  /** Removes the own announcement and stops watching. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.watcher?.close();
    this.watcher = undefined;
    await rm(join(this.folder, this.ownFile), { force: true });
  }

  private async postOnce(content: string): Promise<void> {
    const path = join(this.folder, this.ownFile);
    if (await exists(path)) return;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.folder, temporaryFile(this.incarnation, this.machine.pid));
    try {
      await writeFile(temporary, content, { mode: 0o600 });
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    if (this.isClosed) await rm(path, { force: true });
    // The folder may be a new one: the old watcher would stay with the one that was removed.
    else this.watch();
  }

  private async list(): Promise<string[]> {
    const files: string[] = [];
    try {
      for await (const entry of await opendir(this.folder)) {
        if (files.length === MAX_BOARD_FILES) {
          this.complainOverfull();
          break;
        }
        if (entry.isFile()) files.push(entry.name);
      }
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    return files;
  }

  private complainOverfull(): void {
    if (this.isOverfull) return;
    this.isOverfull = true;
    this.logger.warn(
      `${this.folder} holds more than ${MAX_BOARD_FILES} files; the others are not looked at. Clear it.`,
    );
  }

  private async readFile(file: string, rejected: Set<string>): Promise<Announcement | undefined> {
    try {
      return decodeAnnouncement(await readStart(join(this.folder, file)));
    } catch (error) {
      if (isMissing(error)) return undefined; // Its process left between the listing and now.
      rejected.add(file);
      if (!this.rejected.has(file)) {
        const reason = printable(describeError(error));
        this.logger.warn(`Skipped ${printable(join(this.folder, file), 256)}, which is no announcement: ${reason}`);
      }
      return undefined;
    }
  }

  /** Several processes tidy up at once, and each poll tries again: a failure here harms nobody. */
  private async discard(file: string): Promise<void> {
    try {
      await rm(join(this.folder, file), { force: true });
    } catch (error) {
      this.logger.debug(`Could not remove ${printable(file)}, left by a dead process: ${describeError(error)}`);
    }
  }

  private watch(): void {
    this.watcher?.close();
    this.watcher = undefined;
    try {
      const watcher = this.machine.watch(this.folder, () => {
        if (!this.isClosed) this.onChange();
      });
      watcher.on('error', (error) => {
        watcher.close();
        this.complainUnwatched(error);
      });
      this.watcher = watcher;
    } catch (error) {
      this.complainUnwatched(error as Error);
    }
  }

  private complainUnwatched(error: Error): void {
    this.logger.warn(
      `Cannot watch ${this.folder}; new processes are noticed at the next poll instead: ${describeError(error)}`,
    );
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** The whole file, but never more than an announcement can be. */
async function readStart(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(MAX_ANNOUNCEMENT_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_ANNOUNCEMENT_BYTES) throw new Error(`it is larger than ${MAX_ANNOUNCEMENT_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
