import { describe, expect, it } from '@jest/globals';
import { lastLines, linesFromError } from './log-tail.js';

describe('lastLines', () => {
  it('keeps a dozen lines that say something, cut short', () => {
    const lines = lastLines(`${'line\n\n'.repeat(50)}${'x'.repeat(1_000)}\n`);
    expect(lines).toHaveLength(12);
    expect(lines.at(-1)).toBe(`${'x'.repeat(300)}…`);
  });

  it('leaves nothing in that could command a terminal', () => {
    expect(lastLines('\u001b[31mred\u001b[39m\u0007\r\nplain')).toEqual(['red', 'plain']);
    expect(lastLines('a\u001b]0;title\u0007b\u0000c')[0]).not.toMatch(/\p{Cc}/u);
  });
});

describe('linesFromError', () => {
  const stack = '    at somewhere\n'.repeat(30);

  it('begins at the first error, whatever follows it', () => {
    const lines = linesFromError(
      `  LOG [A] fine\n\u001b[31m  ERROR [B] no such table\u001b[39m\n${stack}  ERROR [C] ending\n`,
    );
    expect(lines).toHaveLength(12);
    expect(lines[0]).toBe('  ERROR [B] no such table');
  });

  it('keeps the last lines where there is none', () => {
    expect(linesFromError(`no\n${stack}TypeError: x\n`)).toEqual([
      ...Array<string>(11).fill('    at somewhere'),
      'TypeError: x',
    ]);
  });
});
