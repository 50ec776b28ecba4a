/** The options of the module that are about the application's life, told apart from those of the node. Pure. */
import { closest } from 'rookery/discovery';

/** What only an application on Nest can be told; the rest of `ClusterOptions` is the node's. */
export interface LifecycleOptions {
  /**
   * How long an application that was told to end serves on as before, in milliseconds, 0 to 600 000: requests and calls are
   * answered, while the phase is `draining`, so that the readiness probe fails and load balancers turn away. Then calls are
   * drained, and Nest closes the HTTP server. Takes the place of a `preStop` sleep. Make it longer than load balancers
   * need: on Kubernetes about 5000. An application whose HTTP server does not listen does not wait.
   * @default 0
   */
  drainDelayMs?: number;
}

/** The values of {@link LifecycleOptions} that may be left out. */
export const DEFAULT_LIFECYCLE_OPTIONS = { drainDelayMs: 0 } as const;

const NAMES = ['drainDelayMs'] as const satisfies readonly (keyof LifecycleOptions)[];
const MAX_DRAIN_DELAY_MS = 600_000;

/** What {@link readLifecycleOptions} found. */
export interface LifecycleOptionsAnswer {
  readonly resolved: Required<LifecycleOptions>;
  /** One sentence each; empty when there is nothing to mend. */
  readonly problems: readonly string[];
  /** The keys, misspelt ones among them, that are not for the node. */
  readonly keys: readonly string[];
}

/**
 * Reads the options of the life cycle, and finds those that were probably meant to be one.
 *
 * @param options what the module was given; what is no object has no such options
 */
export function readLifecycleOptions(options: unknown): LifecycleOptionsAnswer {
  const keys: string[] = [];
  const problems: string[] = [];
  const given = (typeof options === 'object' && options !== null ? options : {}) as LifecycleOptions;
  // What is inherited counts as well: the options may be an instance of a class with getters.
  for (const key in given) {
    const meant = NAMES.find((name) => name === key) ?? closest(key, NAMES);
    if (meant === undefined) continue;
    keys.push(key);
    if (meant !== key) problems.push(`${key}: unknown option. Did you mean '${meant}'?`);
  }
  const { drainDelayMs = DEFAULT_LIFECYCLE_OPTIONS.drainDelayMs } = given;
  const isFine = Number.isInteger(drainDelayMs) && drainDelayMs >= 0 && drainDelayMs <= MAX_DRAIN_DELAY_MS;
  if (!isFine) problems.push(`drainDelayMs: must be a whole number of milliseconds from 0 to ${MAX_DRAIN_DELAY_MS}.`);
  // A getter on the class itself is not enumerable, and is no business of the node either.
  return {
    resolved: { drainDelayMs: isFine ? drainDelayMs : DEFAULT_LIFECYCLE_OPTIONS.drainDelayMs },
    problems,
    keys: [...new Set([...keys, ...NAMES])],
  };
}
