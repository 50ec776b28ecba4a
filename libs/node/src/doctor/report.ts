/** A diagnosis as lines for a terminal. Pure. */
import { addressKey } from 'rookery/discovery';
import type { Diagnosis } from './diagnose.js';

const INDENT = ' '.repeat(9);
const WIDTH = 100;

export function report({ cluster, listen, findings }: Diagnosis): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap(({ level, subject, text, mend }) => {
    const [first = '', ...rest] = wrap(text, WIDTH);
    const line = `${level.padEnd(INDENT.length)}${subject.padEnd(width)}  ${first}`;
    const more = [...rest, ...(mend === undefined ? [] : wrap(mend, WIDTH))];
    return [line, ...more.map((part) => `${INDENT}${part}`)];
  });
  const problems = findings.filter(({ level }) => level === 'problem').length;
  const end = problems === 0 ? 'Nothing to mend.' : problems === 1 ? '1 problem.' : `${problems} problems.`;
  const head = `Cluster '${cluster}', as a node that listens on ${addressKey(listen)} sees it now`;
  return [head, '', ...lines, '', end, ''].join('\n');
}

/** Breaks a text at spaces. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
