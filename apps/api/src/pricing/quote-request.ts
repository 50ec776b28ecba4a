/** Checks what a member asks about prices. Pure. */
import { MAX_PEOPLE, type QuoteRequest } from '@rookery/pricing';
import { InvalidRequestError } from '../invalid-request.error.js';

/** @throws {@link InvalidRequestError} */
export function parseQuoteRequest(data: unknown): QuoteRequest {
  const people = typeof data === 'object' && data !== null && 'people' in data ? data.people : undefined;
  if (Number.isInteger(people) && (people as number) >= 1 && (people as number) <= MAX_PEOPLE) {
    return { people: people as number };
  }
  throw new InvalidRequestError([`"people" must be a whole number from 1 to ${MAX_PEOPLE}`], 'PRICING_INVALID_REQUEST');
}
