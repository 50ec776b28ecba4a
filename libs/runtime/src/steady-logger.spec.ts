import { describe, expect, it } from '@jest/globals';
import { type Logger, silentLogger } from './logger.js';
import { steadyLogger } from './steady-logger.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

function recording(): { lines: string[]; logger: Logger } {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level} ${message}`);
  return { lines, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

describe('a steady logger', () => {
  it('passes on every line with its fields, to the object itself', () => {
    const heard: unknown[] = [];
    const note = function (this: unknown, ...args: unknown[]): void {
      heard.push([this === target, ...args]);
    };
    const target: Logger = { debug: note, info: note, warn: note, error: note };
    const logger = steadyLogger(target);
    for (const level of LEVELS) logger[level](level, { n: 1 });
    expect(heard).toEqual(LEVELS.map((level) => [true, level, { n: 1 }]));
  });

  it.each(LEVELS)('survives a %s() that throws anything, and writes the line elsewhere', (level) => {
    const { lines, logger: instead } = recording();
    const fail = (): never => {
      throw Object.create(null);
    };
    steadyLogger({ ...silentLogger, [level]: fail }, instead)[level]('api-1 is up');
    expect(lines).toEqual([`${level} The logger failed ([Object: null prototype] {}) to take this: api-1 is up`]);
  });

  it('survives one that writes by a promise which is rejected', async () => {
    const { lines, logger: instead } = recording();
    const late = (): Promise<never> => Promise.reject(new Error('disk full'));
    steadyLogger({ ...silentLogger, warn: late as never }, instead).warn('retrying');
    await new Promise((resolve) => setImmediate(resolve));
    expect(lines).toEqual(['warn The logger failed (disk full) to take this: retrying']);
  });
});
