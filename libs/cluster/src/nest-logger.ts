/** The library's logger port, plugged into Nest's logger. */
import { Logger as NestLogger } from '@nestjs/common';
import { formatFields, type Logger, steadyLogger } from '@rookery/runtime';

/** Writes to Nest's `Logger('Cluster')`, and so to whatever the application plugged in with `app.useLogger(...)`. Never throws. */
export function nestLogger(): Logger {
  const logger = new NestLogger('Cluster');
  return steadyLogger({
    debug: (message, fields) => logger.debug(message + formatFields(fields)),
    info: (message, fields) => logger.log(message + formatFields(fields)),
    warn: (message, fields) => logger.warn(message + formatFields(fields)),
    error: (message, fields) => logger.error(message + formatFields(fields)),
  });
}
