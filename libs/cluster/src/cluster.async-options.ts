/** What `ClusterModule.forRootAsync` takes, held to what it says: Nest itself would fail somewhere inside, or not at all. */
import type { FactoryProvider, Provider } from '@nestjs/common';
import { closest } from 'rookery/discovery';
import { ClusterOptionsError } from 'rookery/mesh';
import { CLUSTER_OPTIONS } from './cluster.options.js';

const SUBJECT = 'ClusterModule.forRootAsync';
const SOURCES = ['useFactory', 'useClass', 'useExisting'];
const KNOWN = [...SOURCES, 'inject', 'imports', 'provideInjectionTokensFrom'];

/** @throws ClusterOptionsError naming every problem */
export function assertAsyncOptions(options: unknown): void {
  const given = (typeof options === 'object' && options !== null ? options : {}) as Record<string, unknown>;
  const sources = SOURCES.filter((source) => given[source] !== undefined);
  const problems = Object.keys(given)
    .filter((key) => !KNOWN.includes(key))
    .map((key) => {
      const suggestion = closest(key, KNOWN);
      return suggestion === undefined
        ? `${key}: unknown here. What describes the node belongs into what useFactory returns.`
        : `${key}: unknown option. Did you mean '${suggestion}'?`;
    });
  if (sources.length !== 1) {
    const found = sources.length === 0 ? 'none was given' : `${sources.join(' and ')} were`;
    problems.push(
      `one of ${SOURCES.join(', ')} is needed, and ${found}. For example: { inject: [ConfigService], useFactory: (config) => ({ cookie: config.getOrThrow('CLUSTER_COOKIE') }) }.`,
    );
  }
  for (const source of sources) {
    const isToken = source === 'useExisting' && ['string', 'symbol'].includes(typeof given[source]);
    if (typeof given[source] !== 'function' && !isToken) {
      problems.push(`${source}: must be a ${source === 'useFactory' ? 'function that returns the options' : 'class'}.`);
    }
  }
  if (problems.length > 0) throw new ClusterOptionsError(problems, SUBJECT);
}

/**
 * The provider of the options, refusing what is none: no options at all would mean a node with all defaults.
 * @param isOfClass whether the options come from the method of an instance that is injected
 */
export function checkingWhatIsMade(provider: Provider, isOfClass: boolean): Provider {
  if (typeof provider !== 'object' || provider.provide !== CLUSTER_OPTIONS) return provider;
  const { useFactory } = provider as FactoryProvider<unknown>;
  return {
    ...provider,
    useFactory: async (...injected: unknown[]) => {
      if (isOfClass) assertFactory(injected[0]);
      const options = await useFactory(...injected);
      assertMade(options);
      return options;
    },
  } as FactoryProvider;
}

function assertFactory(instance: unknown): void {
  const { createClusterOptions, constructor } = Object(instance) as Record<string, unknown>;
  if (typeof createClusterOptions === 'function') return;
  const name = typeof constructor === 'function' ? constructor.name : 'the class';
  throw new ClusterOptionsError([`${name} has no method createClusterOptions() that returns the options.`], SUBJECT);
}

function assertMade(options: unknown): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return;
  const what = Array.isArray(options) ? 'an array' : options == null ? String(options) : `a ${typeof options}`;
  throw new ClusterOptionsError(
    [`the factory returned ${what}. Return an object of options, {} for the defaults.`],
    SUBJECT,
  );
}
