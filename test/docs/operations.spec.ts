/**
 * The log lines that docs/operations.md shows are those that the sources write, at the level that it says, and none above
 * debug is missing.
 */
import { describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

/** Libraries that serve the samples and tests alone: what they write is not in the log of others. */
const UNPUBLISHED_LIBS = ['feature-flags', 'replica', 'testing'];

/** What stands for a value that only a run knows: in sources `${...}`, in the paper `...` and the examples. */
const HOLE = '\0';

interface Line {
  readonly level: string;
  readonly text: string;
}

/** A text as far as the source has it; undefined for what is no text. */
function textOf(node: ts.Expression): string | undefined {
  if (ts.isParenthesizedExpression(node)) return textOf(node.expression);
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => HOLE + literal.text).join('');
  }
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [textOf(node.left), textOf(node.right)];
  return left === undefined && right === undefined ? undefined : (left ?? HOLE) + (right ?? HOLE);
}

/** The levels of `logger.warn(...)`; of `logger[level](...)` those that are named in the function around it. */
function levelsOf(call: ts.CallExpression): string[] {
  const { expression } = call;
  if (ts.isPropertyAccessExpression(expression)) {
    // The logger of Nest has another name for it.
    const level = expression.name.text === 'log' ? 'info' : expression.name.text;
    const isLogger = /logger$/i.test(expression.expression.getText().replace(/\(.*\)$/, ''));
    return isLogger && ['debug', 'info', 'warn', 'error'].includes(level) ? [level] : [];
  }
  if (!ts.isElementAccessExpression(expression) || !/logger$/i.test(expression.expression.getText())) return [];
  let around: ts.Node = call;
  while (!ts.isFunctionLike(around)) around = around.parent;
  return [...around.getText().matchAll(/'(debug|info|warn|error)'/g)].map(([, level]) => level!);
}

const written: Line[] = [];
/** Every text of the sources, for what stands in a hole: a reason that is named elsewhere. */
const texts: string[] = [];
const libs = readdirSync('libs', { withFileTypes: true }).filter(
  (entry) => entry.isDirectory() && !UNPUBLISHED_LIBS.includes(entry.name),
);
for (const { name } of libs) {
  for (const file of readdirSync(join('libs', name, 'src'), { recursive: true }) as string[]) {
    if (!file.endsWith('.ts') || file.endsWith('.spec.ts')) continue;
    const path = join('libs', name, 'src', file);
    const visit = (node: ts.Node): void => {
      const text = ts.isExpression(node) ? textOf(node) : undefined;
      if (text !== undefined) texts.push(text);
      if (ts.isCallExpression(node) && node.arguments[0] !== undefined) {
        const line = textOf(node.arguments[0]);
        if (line !== undefined) written.push(...levelsOf(node).map((level) => ({ level, text: line })));
      }
      node.forEachChild(visit);
    };
    visit(ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true));
  }
}

const paper = readFileSync('docs/operations.md', 'utf8');
const table = /^## Log lines$([^]*?)^## /m.exec(paper)?.[1] ?? '';
const rows: Line[] = [...table.matchAll(/^\| (\w+) +\| (`+)(.*?)\2 +\|/gm)].map(([, level, , text]) => ({
  level: level!,
  text: text!,
}));

/** Whether a text that the paper shows can be that of the source: `...` is anything, and a hole something. */
function fits(shown: string, source: string): boolean {
  const known = new Map<number, boolean>();
  const from = (a: number, b: number): boolean => {
    const key = a * (source.length + 1) + b;
    let answer = known.get(key);
    if (answer === undefined) known.set(key, (answer = look(a, b)));
    return answer;
  };
  const look = (a: number, b: number): boolean => {
    if (shown.startsWith('...', a)) return from(a + 3, b) || (b < source.length && from(a, b + 1));
    if (source[b] === HOLE) return from(a, b + 1) || (a < shown.length && from(a + 1, b));
    if (a === shown.length || b === source.length) return a === shown.length && b === source.length;
    return shown[a] === source[b] && from(a + 1, b + 1);
  };
  return from(0, 0);
}

/** The words of a line that are no example: names, addresses and numbers differ from run to run. */
function wordsOf(line: string): string[] {
  const example =
    /'[^']*'|\bDiscovery (?:dns|x)\b|\bmay be\b|\bon event\b|\b[a-z]+-\d\b|\b\d+(?:\.\d+)*(?::\d+)?\b|\b[A-Z]\w*\.on\w+|\/\S+|\([^)]*\)|\.\.\./g;
  return line
    .replace(example, HOLE)
    .split(new RegExp(`[${HOLE}:]|\\.$|\\. `))
    .map((words) => words.trim())
    .filter((words) => words.split(' ').length > 2);
}

describe('the log lines of docs/operations.md', () => {
  it('are read, and so are those of the sources', () => {
    expect(rows).toHaveLength(table.split('\n').filter((line) => line.startsWith('| ')).length - 2);
    expect(written.length).toBeGreaterThan(20);
  });

  it.each(rows)('are written by the sources, at level $level: $text', ({ level, text }) => {
    expect(written.filter((line) => fits(text, line.text)).map((line) => line.level)).toContain(level);
    expect(wordsOf(text).filter((words) => !texts.some((known) => known.includes(words)))).toEqual([]);
  });

  it('are all that the sources write above debug', () => {
    const missing = written
      // What has no words of its own, such as the error of a start, is no line to look for.
      .filter(({ level, text }) => level !== 'debug' && /\w+ \w+/.test(text))
      .filter(({ level, text }) => !rows.some((row) => row.level === level && fits(row.text, text)));
    expect(missing).toEqual([]);
  });
});
