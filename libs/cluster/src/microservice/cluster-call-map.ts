/** How an application tells the compiler what belongs to which pattern of a call. */

/**
 * Pattern to the types of request and response, open for the application to add to. Holds at `cluster.request`,
 * `requestAll`, `requestStream` and `respond`. Patterns that are not listed take and give anything.
 *
 * @example
 * declare module 'rookery' {
 *   interface ClusterCallMap {
 *     'flags.get': { request: { key: string }; response: Flag | undefined };
 *   }
 * }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- filled by the application
export interface ClusterCallMap {}
