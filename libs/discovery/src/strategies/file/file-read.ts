/** The text of a file that anybody may have written, and that may be anything: a directory, a pipe, a gigabyte. */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { DiscoveryError } from '../../errors.js';

/** A larger file is not read. */
export const MAX_FILE_BYTES = 1024 * 1024;

/**
 * The whole text of a regular file.
 *
 * @throws {@link DiscoveryError} `DISCOVERY_FILE_UNREADABLE`, which says how to mend it.
 */
export async function readTextFile(path: string): Promise<string> {
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a pipe would hold a thread until somebody writes.
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await handle.stat();
    if (!stats.isFile()) throw unreadable(path, 'is not a regular file: give the path of one');
    const tooLarge = `is larger than ${MAX_FILE_BYTES} bytes, which no list of peers is: give the path of one`;
    if (stats.size > MAX_FILE_BYTES) throw unreadable(path, tooLarge);
    // It may grow while it is read, and some file systems do not know a size.
    const buffer = Buffer.alloc(Math.max(stats.size, 4_096) + 1);
    const length = await fill(handle, buffer);
    if (length < buffer.length) return buffer.toString('utf8', 0, length);
    throw unreadable(path, 'grew while it was read: whoever writes it should write another one and rename it');
  } catch (error) {
    throw error instanceof DiscoveryError ? error : unreadable(path, remedyOf(error), error);
  } finally {
    await handle?.close();
  }
}

async function fill(handle: FileHandle, buffer: Buffer): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function unreadable(path: string, problem: string, cause?: unknown): DiscoveryError {
  return new DiscoveryError('DISCOVERY_FILE_UNREADABLE', `${path}, the list of peers, ${problem}.`, { cause });
}

function remedyOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'does not exist (yet), so who is there is unknown: have it rendered, or correct the path of file()';
    case 'EACCES':
    case 'EPERM':
      return 'may not be read by this user: correct its owner or mode, or those of the directories above it';
    case 'EISDIR':
      return 'is a directory: give the path of a file in it';
    default:
      return `cannot be read: ${message}. Mend that, or give another path`;
  }
}
