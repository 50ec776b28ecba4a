/** What other people's code threw, as text: any value at all, and never a reason to fail oneself. */
import { inspect } from 'node:util';
import { printable } from './logger.js';

/** The longest text about a value that is no error. */
const MAX_VALUE_LENGTH = 80;

/** So many errors of an aggregate are told; a host has no more addresses than that. */
const MAX_ERRORS = 8;

/**
 * The message of any thrown value. Never throws, whatever it is given: an object without prototype, or an error whose
 * message is no text or is behind a getter that throws.
 */
export function describeError(error: unknown): string {
  return textOf(error, () => {
    if (!(error instanceof AggregateError) || error.message !== '') return messageOf(error);
    // Node's, for a dial to several addresses, has an empty message. What it holds is not looked into further: it may be itself.
    return error.errors
      .slice(0, MAX_ERRORS)
      .map((each: unknown) => textOf(each, () => messageOf(each)))
      .join('; ');
  });
}

function messageOf(error: unknown): unknown {
  if (error instanceof Error) return error.message === '' ? error.name : error.message;
  return error;
}

/** The stack of any thrown value that has one, else what {@link describeError} says. Never throws. */
export function describeErrorWithStack(error: unknown): string {
  return textOf(error, () => (error instanceof Error ? error.stack : undefined), describeError);
}

/** A value of somebody else on one line, escaped and cut to `max` characters. Never throws. */
export function describeValue(value: unknown, max = MAX_VALUE_LENGTH): string {
  try {
    const options = { depth: 1, breakLength: Infinity, maxArrayLength: 5, maxStringLength: 60, customInspect: false };
    return printable(inspect(value, options), max);
  } catch {
    // A proxy, or a getter on its prototype, can break even this.
    return `a value of type ${typeof value} that cannot be shown`;
  }
}

/** What `read` finds, if that is a text; reading may throw, and find anything. */
function textOf(error: unknown, read: () => unknown, otherwise: (error: unknown) => string = describeValue): string {
  try {
    const text = read();
    if (typeof text === 'string') return text;
  } catch {
    // Told by the other way.
  }
  return otherwise(error);
}
