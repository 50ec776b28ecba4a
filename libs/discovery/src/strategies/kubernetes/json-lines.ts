/** A stream of JSON values, one a line, put together from chunks that end anywhere. Pure. */
import { ByteCollector } from './byte-collector.js';

/** A stream that is not what it should be. What it holds is not repeated: it is foreign. */
export class JsonLinesError extends Error {
  override readonly name = 'JsonLinesError';
}

const LINE_FEED = 0x0a;

/**
 * Takes chunks and gives the values whose lines are complete. Lines are found by their bytes, so a character whose bytes
 * are in two chunks arrives whole.
 *
 * @example
 * const lines = new JsonLines(4_096);
 * lines.push(Buffer.from('{"a":1}\n{"b"')); // [{ a: 1 }]
 * lines.push(Buffer.from(':2}\n'));         // [{ b: 2 }]
 */
export class JsonLines {
  /** The beginning of a line whose end has not come yet. */
  private readonly pending: ByteCollector;

  /** @param maxLineBytes - a line of more bytes is refused, also before its end has come. */
  constructor(maxLineBytes: number) {
    this.pending = new ByteCollector(maxLineBytes);
  }

  /**
   * The values of the lines that `chunk` completes; empty lines have none.
   *
   * @throws {@link JsonLinesError} for a line that is too long or no JSON; the stream is of no use then.
   */
  push(chunk: Buffer): unknown[] {
    const values: unknown[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const piece = chunk.subarray(start, end < 0 ? chunk.length : end);
      if (!this.pending.add(piece)) throw new JsonLinesError(`a line is longer than ${this.pending.maxBytes} bytes`);
      if (end < 0) return values;
      const line = this.pending.take();
      if (line.trim() !== '') values.push(parse(line));
      start = end + 1;
    }
  }
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // The error of the parser quotes the line, which is foreign and may hold anything.
    throw new JsonLinesError('a line is no JSON');
  }
}
