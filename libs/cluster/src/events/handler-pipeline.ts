/** How a method is called: directly where nothing stands before it, through Nest's pipeline otherwise. */
import { Injectable } from '@nestjs/common';
import { ApplicationConfig, type ContextId, ContextIdFactory, ExternalContextCreator, ModuleRef } from '@nestjs/core';
import type { EventContext } from 'rookery/mesh';
import { EmptyError, isObservable, lastValueFrom } from 'rxjs';
import { DEFAULT_PARAMS_METADATA, eventParams, PARAMS_METADATA } from './event-params.decorator.js';
import { enhancersOf, type HandlerEnhancers } from './handler-enhancers.js';
import type { HandlerHost, InstanceWrapper } from './handler-hosts.js';
import type { MarkedMethod } from './handler-marks.js';

/** What `@Inject(REQUEST)` gives a request-scoped class that handles an event, a gap or a member change. */
export interface ClusterRequest {
  /** The payload of the event, the gap, or the member event. */
  readonly payload: unknown;
  /** Undefined for gaps and member changes. */
  readonly context: EventContext | undefined;
}

/** Calls a handler. Fails as the handler does; a promise, if any, settles when it is done. */
export type Invoke = (payload: unknown, context?: EventContext) => unknown;

type MethodOf = Record<string, (...args: unknown[]) => unknown>;

@Injectable()
export class HandlerPipeline {
  constructor(
    private readonly contexts: ExternalContextCreator,
    private readonly config: ApplicationConfig,
  ) {}

  /** Calls the method and nothing else, on an instance of its own where the class wants that. */
  plain(host: HandlerHost, name: string): Invoke {
    const { instance } = host;
    if (instance !== undefined) return this.direct(instance, name);
    return this.perEvent(host, [], (made) => this.direct(made, name));
  }

  /** Calls the method with the guards, pipes, interceptors and filters that stand before it. */
  guarded(host: HandlerHost, method: MarkedMethod): Invoke {
    const enhancers = enhancersOf(host, method, this.config);
    if (enhancers.isPlain) return this.plain(host, method.name);
    if (host.instance !== undefined && enhancers.scopedGlobals.length === 0) {
      return this.throughNest(host, method.name, enhancers, host.instance);
    }
    return this.perEvent(host, enhancers.scopedGlobals, (instance, contextId) =>
      this.throughNest(host, method.name, enhancers, instance, contextId),
    );
  }

  /** Looks the method up at each call, so that a test may spy on it. */
  private direct(instance: object, name: string): Invoke {
    const methods = instance as MethodOf;
    return (payload, context) => {
      const result = methods[name]!(payload, context);
      return isObservable(result) ? lastValueFrom(result, { defaultValue: undefined }) : result;
    };
  }

  private throughNest(
    { wrapper }: HandlerHost,
    name: string,
    { hasFilters, hasParams }: HandlerEnhancers,
    instance: object,
    contextId?: ContextId,
  ): Invoke {
    const run = this.contexts.create(
      instance,
      (instance as MethodOf)[name]!,
      name,
      hasParams ? PARAMS_METADATA : DEFAULT_PARAMS_METADATA,
      eventParams,
      contextId,
      wrapper.id,
      // Without filters of its own, Nest's part in an error would be to log it, as the node does.
      { guards: true, interceptors: true, filters: hasFilters },
      'rpc',
    );
    return async (payload, context) => {
      try {
        const result: unknown = await run(payload, context);
        // A filter may answer with an Observable; nobody else would subscribe to it.
        return isObservable(result) ? await lastValueFrom(result, { defaultValue: undefined }) : result;
      } catch (error) {
        // An interceptor that answers with nothing at all has let nothing through: that is no failure.
        if (error instanceof EmptyError) return undefined;
        throw error;
      }
    };
  }

  /** Gives each event a context of its own, with the instances that want one. */
  private perEvent(
    host: HandlerHost,
    scopedGlobals: readonly InstanceWrapper[],
    prepare: (instance: object, contextId: ContextId) => Invoke,
  ): Invoke {
    const { wrapper } = host;
    const isDurable = wrapper.isDependencyTreeDurable();
    return async (payload, context) => {
      const request: ClusterRequest = { payload, context };
      const contextId = ContextIdFactory.getByRequest(request);
      // The same rule as in Nest's router: durable classes see what they may share, others the request as well.
      const provided = isDurable ? contextId.payload : Object.assign(request, contextId.payload);
      moduleRefOf(wrapper).registerRequestByContextId(provided, contextId);
      await Promise.all(scopedGlobals.map((global) => this.makeGlobal(global, contextId, wrapper.id)));
      const instance = host.instance ?? (await resolve(wrapper, contextId));
      return prepare(instance, contextId)(payload, context);
    };
  }

  private async makeGlobal(wrapper: InstanceWrapper, contextId: ContextId, inquirerId: string): Promise<void> {
    await resolve(wrapper, contextId);
    if (!wrapper.isTransient) return;
    // A transient instance is kept under who asked for it: that was the enhancer itself, and will be the handler.
    wrapper.setInstanceByContextId(contextId, wrapper.getInstanceByContextId(contextId, wrapper.id), inquirerId);
  }
}

function resolve(wrapper: InstanceWrapper, contextId: ContextId): Promise<object> {
  return moduleRefOf(wrapper).resolve<object>(wrapper.token as string, contextId, { strict: true });
}

/** The module that the class lives in: its token may mean another class elsewhere. */
function moduleRefOf(wrapper: InstanceWrapper): ModuleRef {
  return wrapper.host!.getProviderByKey<ModuleRef>(ModuleRef).instance;
}
