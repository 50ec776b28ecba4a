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
