/** A logger that cannot break who writes to it, around one that somebody else wrote. */
import { describeError } from './describe-error.js';
import { type LogFields, type Logger, stderrLogger } from './logger.js';

/**
 * The same logger, except that it never throws, and that a promise which it returns and rejects is nobody's business.
 * A line that it fails to take goes to `instead`, with the reason.
 *
 * @param instead must not throw
 */
export function steadyLogger(logger: Logger, instead: Logger = stderrLogger): Logger {
  const write = (level: keyof Logger, message: string, fields: LogFields | undefined): void => {
    const rescue = (error: unknown): void =>
      instead[level](`The logger failed (${describeError(error)}) to take this: ${message}`, fields);
    try {
      // By its name each time: whose method it is may change, as in a test that spies on it.
      const written: unknown = logger[level](message, fields);
      if (typeof written === 'object' && written !== null) Promise.resolve(written).catch(rescue);
    } catch (error) {
      rescue(error);
    }
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
