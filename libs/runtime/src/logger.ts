/** The logger port: four levels, a sentence, and fields. Never given cookies, keys or payloads. */

/** Values beside the sentence, for structured logs. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Where the library writes. `info` is for membership and listening, `warn` for what will be retried or was
 * refused, `error` for what needs a person, `debug` for the rest.
 */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const nothing = (): void => undefined;

/** Writes nothing. */
export const silentLogger: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/** Warnings and errors, one line each, to standard error: the default of a process without a framework. */
export const stderrLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: (message, fields) => writeLine('WARN', message, fields),
  error: (message, fields) => writeLine('ERROR', message, fields),
};

function writeLine(level: string, message: string, fields?: LogFields): void {
  process.stderr.write(`${level} [rookery] ${message}${formatFields(fields)}\n`);
}

/** Renders fields as ` (key=value, ...)`, or nothing when there are none. */
export function formatFields(fields?: LogFields): string {
  if (fields === undefined) return '';
  const parts = Object.entries(fields).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? '' : ` (${parts.map(([key, value]) => `${key}=${value}`).join(', ')})`;
}

/**
 * Cuts foreign text to `max` characters and escapes control characters, and those that turn the direction of what follows, so
 * that a peer cannot forge log lines.
 */
export function printable(text: string, max = 128): string {
  const cut = text.length > max ? `${text.slice(0, max)}...` : text;
  // eslint-disable-next-line no-control-regex -- control characters are what must not reach a log
  const forbidden = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;
  return cut.replace(forbidden, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
