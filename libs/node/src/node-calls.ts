/** How an open pattern map types calls: what is asked, and what is answered. */

/** What a pattern map says of one pattern. */
export interface CallTypes {
  readonly request: unknown;
  readonly response: unknown;
}

/** A pattern of the map, or any other. */
export type PatternOf<Calls extends object> = (keyof Calls & string) | (string & {});

/** The data the map declares for a pattern; `unknown` for patterns it does not know. */
export type RequestOf<Calls extends object, Pattern extends string> = Pattern extends keyof Calls
  ? Calls[Pattern] extends { request: infer Request }
    ? Request
    : unknown
  : unknown;

/** The answer the map declares for a pattern; `unknown` for patterns it does not know. */
export type ResponseOf<Calls extends object, Pattern extends string> = Pattern extends keyof Calls
  ? Calls[Pattern] extends { response: infer Response }
    ? Response
    : unknown
  : unknown;
