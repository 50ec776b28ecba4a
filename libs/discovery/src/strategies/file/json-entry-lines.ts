/** In which line each entry of a JSON list stands: `JSON.parse` does not say. Pure. */

/** Texts, punctuation, and whatever else JSON has: numbers and words. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{},:]|[^\s"[\]{},:]+/g;

/**
 * The lines, from 1, in which the entries of a list begin: of the array itself, or of the last `peers` of an object.
 *
 * @param text - which `JSON.parse` takes.
 * @example
 * jsonEntryLines('[\n  "a",\n  "b"\n]'); // [2, 3]
 */
export function jsonEntryLines(text: string): number[] {
  let lines: number[] = [];
  let depth = 0;
  /** How deep the entries lie: in an object one deeper than in an array. */
  let entryDepth = 1;
  let isListed = false;
  let key = '';
  let before = '';
  let line = 1;
  let lineOf = 0;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    line += countLineEnds(text, lineOf, index);
    lineOf = index;
    if (isListed && depth === entryDepth && (before === '[' || before === ',') && token !== ']') lines.push(line);
    if (depth === 0 && token === '{') entryDepth = 2;
    if (token === ':' && depth === 1) key = before;
    if (token === '[' && depth === entryDepth - 1 && (entryDepth === 1 || key === '"peers"')) {
      lines = [];
      isListed = true;
    }
    if (token === '[' || token === '{') depth++;
    if (token === ']' || token === '}') depth--;
    if (depth < entryDepth) isListed = false;
    before = token;
  }
  return lines;
}

/**
 * Where something else than an entry follows a comma, which is what templates get wrong most: the position of what follows.
 * Undefined when there is no such place.
 *
 * @param text - which `JSON.parse` does not take, though each string in it ends.
 * @example
 * commaWithoutEntry('["a", ]'); // 6
 */
export function commaWithoutEntry(text: string): number | undefined {
  let before = '';
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (before === ',' && (token === ',' || token === ']' || token === '}')) return index;
    before = token;
  }
  return undefined;
}

/** The line, from 1, in which a position of `text` lies. */
export function lineAt(text: string, position: number): number {
  return 1 + countLineEnds(text, 0, position);
}

/** Looks at what lies between the two and no further, or texts of one long line would take time that grows with its square. */
function countLineEnds(text: string, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (text[at] === '\n') count++;
  return count;
}
