/** The last lines of a log, to be shown when a replica did not come up. */
import { open } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';

const MAX_BYTES = 8 * 1024;
const MAX_LINES = 12;
const MAX_LINE_LENGTH = 300;

/** At most a dozen lines, whatever the size of the file. */
export async function logTail(file: string): Promise<readonly string[]> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const { buffer, bytesRead } = await handle.read({
        buffer: Buffer.alloc(Math.min(size, MAX_BYTES)),
        position: Math.max(0, size - MAX_BYTES),
      });
      return lastLines(buffer.toString('utf8', 0, bytesRead));
    } finally {
      await handle.close();
    }
  } catch (error) {
    return [`(the log could not be read: ${String(error)})`];
  }
}

/** Pure: the last lines that say something, without colours and other control characters. */
export function lastLines(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) =>
      stripVTControlCharacters(line)
        .replace(/\p{Cc}/gu, ' ')
        .trimEnd(),
    )
    .filter((line) => line !== '')
    .slice(-MAX_LINES)
    .map((line) => (line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line));
}
