/** Finds the providers and controllers of the application, and how to get at their instances. */
import { type DiscoveryService } from '@nestjs/core';

/** What Nest knows about a provider or controller. */
export type InstanceWrapper = ReturnType<DiscoveryService['getProviders']>[number];

/** A class whose instances live in the application. */
export interface HandlerHost {
  readonly wrapper: InstanceWrapper;
  readonly prototype: object;
  /** Its one instance; undefined for request-scoped and transient classes, of which each event gets its own. */
  readonly instance: object | undefined;
}

/**
 * Every provider and controller whose class can be known, each instance once: an alias, and a factory that hands on
 * somebody else's instance, is no host of its own.
 */
export function findHosts(discovery: DiscoveryService): HandlerHost[] {
  const wrappers = [...discovery.getProviders(), ...discovery.getControllers()].filter((wrapper) => !wrapper.isAlias);
  const hosts = wrappers.filter((wrapper) => !wrapper.isNotMetatype).map(hostOfClass);
  const known = new Set(hosts.map(({ instance }) => instance));
  for (const wrapper of wrappers.filter((candidate) => candidate.isNotMetatype)) {
    const host = hostOfMadeInstance(wrapper);
    if (host === undefined || known.has(host.instance)) continue;
    known.add(host.instance);
    hosts.push(host);
  }
  return hosts;
}

function hostOfClass(wrapper: InstanceWrapper): HandlerHost {
  const { prototype } = wrapper.metatype as { prototype: object };
  return { wrapper, prototype, instance: hasOneInstance(wrapper) ? (wrapper.instance as object) : undefined };
}

/** Of what `useFactory` and `useValue` provide, the class is known by the instance alone. */
function hostOfMadeInstance(wrapper: InstanceWrapper): HandlerHost | undefined {
  if (!hasOneInstance(wrapper)) return undefined;
  const instance: unknown = wrapper.instance;
  if (typeof instance !== 'object' || instance === null) return undefined;
  const prototype = Object.getPrototypeOf(instance) as object | null;
  if (prototype === null || prototype === Object.prototype) return undefined;
  return { wrapper, prototype, instance };
}

function hasOneInstance(wrapper: InstanceWrapper): boolean {
  return !wrapper.isTransient && wrapper.isDependencyTreeStatic();
}
