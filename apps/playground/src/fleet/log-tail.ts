/** What of a replica's log is shown when it came to an end that nobody asked for. */
import { open } from 'node:fs/promises';
import { stripVTControlCharacters } from 'node:util';

const MAX_BYTES = 64 * 1024;
const MAX_LINES = 12;
const MAX_LINE_LENGTH = 300;
const NESTS_ERROR = /\bERROR\b/;

/** The end of the log, of what was added after the first `from` bytes. */
export async function logTail(file: string, from = 0): Promise<string> {
  try {
    const handle = await open(file, 'r');
    try {
      const { size } = await handle.stat();
      const position = Math.max(from, size - MAX_BYTES);
      const buffer = Buffer.alloc(Math.max(0, size - position));
      const { bytesRead } = await handle.read({ buffer, position });
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    return `(the log could not be read: ${String(error)})`;
  }
}

/** Pure: at most a dozen lines, the last ones. */
export function lastLines(text: string): readonly string[] {
  return linesOf(text).slice(-MAX_LINES).map(cutShort);
}

/** Pure: at most a dozen lines, from the first error on; the last ones if there is none. */
export function linesFromError(text: string): readonly string[] {
  const lines = linesOf(text);
  const first = lines.findIndex((line) => NESTS_ERROR.test(line));
  return first === -1 ? lastLines(text) : lines.slice(first, first + MAX_LINES).map(cutShort);
}

/** The lines that say something, without colours and other control characters. */
function linesOf(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) =>
      stripVTControlCharacters(line)
        .replace(/\p{Cc}/gu, ' ')
        .trimEnd(),
    )
    .filter((line) => line !== '');
}

function cutShort(line: string): string {
  return line.length > MAX_LINE_LENGTH ? `${line.slice(0, MAX_LINE_LENGTH)}…` : line;
}
