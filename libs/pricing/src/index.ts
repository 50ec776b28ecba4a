/** The prices of the samples as calls: what the pages and the api share. */
export { MAX_PEOPLE, type Quote, type QuoteRequest } from './quote.js';
