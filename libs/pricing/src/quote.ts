/** What a page asks about prices, and what an api answers: the one thing that the two must agree on. */

export interface QuoteRequest {
  /** From 1 to {@link MAX_PEOPLE}. */
  readonly people: number;
}

/** What coffee for so many people comes to in a month, in either kind of pricing: which of them holds is a matter of flags. */
export interface Quote {
  readonly people: number;
  readonly bags: { readonly count: number; readonly cents: number };
  /** Null where no plan is for so many. */
  readonly plan: { readonly name: string; readonly cents: number } | null;
  /** The name of the replica that calculated it. */
  readonly answeredBy: string;
}

/** For more, somebody comes by. */
export const MAX_PEOPLE = 500;

declare module 'rookery' {
  interface ClusterCallMap {
    'pricing.quote': { request: QuoteRequest; response: Quote };
  }
}
