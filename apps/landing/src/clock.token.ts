/** Injection token of the time: the system's in the application, a test's own in tests. */
export const CLOCK = Symbol('CLOCK');
