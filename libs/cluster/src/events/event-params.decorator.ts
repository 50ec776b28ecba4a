/** Parameter decorators of event handlers, and where their values come from. */
import { Body, createParamDecorator, type ExecutionContext, type PipeTransform, type Type } from '@nestjs/common';
import type { EventContext } from 'rookery/mesh';

/** Where Nest keeps what the parameter decorators of a method say. */
export const PARAMS_METADATA = '__routeArguments__';

/** Where the parameters of a handler without parameter decorators are described, in the same form. */
export const DEFAULT_PARAMS_METADATA = 'rookery.default-params';

// Nest numbers kinds of parameters. What is a body in HTTP is the payload in its microservices, with the same number;
// the context has the number of the headers. So `@Payload()` and `@Ctx()` of @nestjs/microservices work here too.
const PAYLOAD = 3;
const CONTEXT = 6;

/** Gives Nest's pipeline the value of a parameter from the `(payload, context)` that a handler is called with. */
export const eventParams = {
  exchangeKeyForValue(kind: number, property: unknown, [payload, context]: readonly unknown[]): unknown {
    const value = kind === PAYLOAD ? payload : kind === CONTEXT ? context : undefined;
    return typeof property === 'string' ? (value as Record<string, unknown> | undefined)?.[property] : value;
  },
};

/** Lets pipes reach the payload of a handler that has no parameter decorators: it takes `(payload, context)`. */
export function describeDefaultParams(target: object, name: string): void {
  const params = {
    [`${PAYLOAD}:0`]: { index: 0, data: undefined, pipes: [] },
    [`${CONTEXT}:1`]: { index: 1, data: undefined, pipes: [] },
  };
  Reflect.defineMetadata(DEFAULT_PARAMS_METADATA, params, target.constructor, name);
}

/**
 * The payload of the event, through pipes of its own. To Nest it is what a body is to a request: a `ValidationPipe`
 * validates it, as it would not do with a custom parameter. Not needed for a handler that takes `(payload, context)`.
 *
 * @example
 * @OnClusterEvent('order.placed')
 * onPlaced(@ClusterPayload(new ValidationPipe()) order: OrderDto, @ClusterCtx() { from }: EventContext): void {}
 */
export function ClusterPayload(...pipes: (Type<PipeTransform> | PipeTransform)[]): ParameterDecorator {
  return Body(...pipes);
}

/** The {@link EventContext}: who published the event, when, and its sequence number. */
export const ClusterCtx: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext): EventContext => context.switchToRpc().getContext<EventContext>(),
);
