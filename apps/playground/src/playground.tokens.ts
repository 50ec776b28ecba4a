/** Injection tokens of the playground. */
export const PLAYGROUND_CONFIG = Symbol('PLAYGROUND_CONFIG');
