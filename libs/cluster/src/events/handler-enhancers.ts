/** Which guards, pipes, interceptors and filters stand before a handler: read off the metadata, once, at the start. */
import type { ApplicationConfig } from '@nestjs/core';
import { ClusterUsageError } from '../errors.js';
import { PARAMS_METADATA } from './event-params.decorator.js';
import type { HandlerHost, InstanceWrapper } from './handler-hosts.js';
import type { MarkedMethod } from './handler-marks.js';

/** Where Nest keeps what `@UseGuards` and its like say about a class or a method. */
export const ENHANCER_METADATA = {
  guards: '__guards__',
  interceptors: '__interceptors__',
  filters: '__exceptionFilters__',
  pipes: '__pipes__',
} as const;

const KINDS = Object.keys(ENHANCER_METADATA) as (keyof typeof ENHANCER_METADATA)[];

/** What a handler needs of Nest's pipeline. */
export interface HandlerEnhancers {
  /** None of it: it can be called directly. */
  readonly isPlain: boolean;
  readonly hasFilters: boolean;
  /** Whether it says by decorators what its parameters are. */
  readonly hasParams: boolean;
  /** `APP_GUARD` and its like that are made anew for each event. */
  readonly scopedGlobals: readonly InstanceWrapper[];
}

/**
 * @throws ClusterUsageError `CLUSTER_UNGUARDED_OVERRIDE`, `CLUSTER_ENHANCER_MISSING`
 */
export function enhancersOf(host: HandlerHost, method: MarkedMethod, config: ApplicationConfig): HandlerEnhancers {
  assertStillGuarded(host, method);
  assertMade(host, method.name);
  const globals = {
    guards: [...config.getGlobalGuards(), ...config.getGlobalRequestGuards()],
    interceptors: [...config.getGlobalInterceptors(), ...config.getGlobalRequestInterceptors()],
    filters: [...config.getGlobalFilters(), ...config.getGlobalRequestFilters()],
    pipes: [...config.getGlobalPipes(), ...config.getGlobalRequestPipes()],
  };
  const applies = (kind: keyof typeof ENHANCER_METADATA): boolean =>
    globals[kind].length > 0 || boundTo(host, method.name, kind).length > 0;
  const hasParams = Object.keys(paramsOf(host, method.name)).length > 0;
  return {
    isPlain: !hasParams && !KINDS.some(applies),
    hasFilters: applies('filters'),
    hasParams,
    scopedGlobals: [
      ...config.getGlobalRequestGuards(),
      ...config.getGlobalRequestInterceptors(),
      ...config.getGlobalRequestFilters(),
      ...config.getGlobalRequestPipes(),
    ],
  };
}

/** An override keeps its subscription without repeating the decorator; it must not lose its guards that way. */
function assertStillGuarded({ prototype }: HandlerHost, { name, markedOn }: MarkedMethod): void {
  const method = functionOf(prototype, name);
  const overridden = functionOf(markedOn, name);
  if (method === overridden) return;
  const lost = KINDS.filter((kind) => isBound(kind, overridden) && !isBound(kind, method));
  if (lost.length === 0) return;
  throw new ClusterUsageError(
    'CLUSTER_UNGUARDED_OVERRIDE',
    `${prototype.constructor.name}.${name} overrides a cluster event handler that has ${lost.join(' and ')}, and has ` +
      'none itself. Repeat @OnClusterEvent and those decorators on the override; or only @OnClusterEvent, to do without.',
  );
}

/** Nest skips a guard class that it never made, so a handler would run unguarded. */
function assertMade(host: HandlerHost, name: string): void {
  const injectables = host.wrapper.host?.injectables;
  const paramPipes = Object.values(paramsOf(host, name)).flatMap(({ pipes = [] }) => pipes);
  for (const enhancer of [...KINDS.flatMap((kind) => boundTo(host, name, kind)), ...paramPipes]) {
    if (typeof enhancer !== 'function' || injectables?.has(enhancer)) continue;
    throw new ClusterUsageError(
      'CLUSTER_ENHANCER_MISSING',
      `${host.prototype.constructor.name}.${name} names ${enhancer.name}, which Nest makes only for classes that it makes ` +
        `itself. Provide ${host.prototype.constructor.name} with useClass, or give an instance: new ${enhancer.name}(...).`,
    );
  }
}

function boundTo({ prototype }: HandlerHost, name: string, kind: keyof typeof ENHANCER_METADATA): unknown[] {
  const key = ENHANCER_METADATA[kind];
  return [...listAt(key, prototype.constructor), ...listAt(key, functionOf(prototype, name))];
}

function isBound(kind: keyof typeof ENHANCER_METADATA, method: object): boolean {
  return listAt(ENHANCER_METADATA[kind], method).length > 0;
}

function listAt(key: string, target: object): unknown[] {
  return (Reflect.getMetadata(key, target) as unknown[] | undefined) ?? [];
}

function paramsOf({ prototype }: HandlerHost, name: string): Record<string, { readonly pipes?: unknown[] }> {
  return (Reflect.getMetadata(PARAMS_METADATA, prototype.constructor, name) as ReturnType<typeof paramsOf>) ?? {};
}

function functionOf(prototype: object, name: string): object {
  return (prototype as Record<string, object>)[name]!;
}
