/** Injection tokens of the flags. */

/** The checked options, {@link import('./feature-flags.options.js').ResolvedFeatureFlagsOptions}. */
export const FEATURE_FLAGS_OPTIONS = Symbol('FEATURE_FLAGS_OPTIONS');
