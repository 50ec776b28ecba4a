import { Logger } from '@nestjs/common';
import { afterEach, expect, it, jest } from '@jest/globals';
import { nestLogger } from './nest-logger.js';

afterEach(() => {
  Logger.overrideLogger(['log', 'error', 'warn', 'debug', 'verbose', 'fatal']);
});

it('writes to the logger of the application, under the name of the cluster, with fields behind the sentence', () => {
  const [debug, log, warn, error] = [jest.fn(), jest.fn(), jest.fn(), jest.fn()];
  Logger.overrideLogger({ debug, log, warn, error });
  const logger = nestLogger();

  logger.debug('frame');
  logger.info('api-1 is up', { links: 2 });
  logger.warn('retrying', { attempt: 1, error: undefined });
  logger.error('port in use', { port: 4370 });
  expect(debug).toHaveBeenCalledWith('frame', 'Cluster');
  expect(log).toHaveBeenCalledWith('api-1 is up (links=2)', 'Cluster');
  expect(warn).toHaveBeenCalledWith('retrying (attempt=1)', 'Cluster');
  expect(error).toHaveBeenCalledWith('port in use (port=4370)', undefined, 'Cluster');
});

it('survives a logger of the application that throws, and says on standard error what that one did not take', () => {
  const fail = (): never => {
    throw Object.create(null);
  };
  const lines: string[] = [];
  const write = jest.spyOn(process.stderr, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  Logger.overrideLogger({ debug: fail, log: fail, warn: fail, error: fail });
  const logger = nestLogger();
  for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level](`a line of ${level}`);
  write.mockRestore();
  expect(lines.map((line) => line.trim())).toEqual([
    expect.stringMatching(/^WARN .* to take this: a line of warn$/),
    expect.stringMatching(/^ERROR .* to take this: a line of error$/),
  ]);
});
