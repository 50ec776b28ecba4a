/** Marks a method as the handler of a topic. */
import { checkPattern } from '@rookery/pubsub';
import type { EventContext } from 'rookery/mesh';
import type { ClusterTopic, HandledPayload } from './cluster-event-map.js';
import { describeDefaultParams } from './event-params.decorator.js';
import { assertInstanceMethod, markMethod } from './handler-marks.js';

/**
 * The decorator that {@link OnClusterEvent} returns: it fits methods that accept the payload of the topic. Further
 * parameters are for those that get their values by parameter decorators.
 */
export type ClusterEventHandlerDecorator<Payload> = <
  Handler extends (payload: Payload, context: EventContext, ...more: never[]) => unknown,
>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Handler>,
) => void;

/**
 * Calls the method with `(payload, context)` for every event of a topic, from all nodes including this one: per sender
 * in order and once. While the promise it returns is pending, what follows for it waits; an Observable is waited for.
 * If it fails, the failure is logged with the topic and `Class.method`, other handlers still run, and a publisher who
 * asked for confirmation is told.
 *
 * For methods of providers and controllers. Repeatable. In a request-scoped or transient class a new instance is made
 * for each event, with `REQUEST` = `{ payload, context }`. Guards, pipes, interceptors and filters apply as on any
 * handler, with `context.getType() === 'rpc'`: a global guard that reads an HTTP request must let other types pass. A
 * filter has handled an error if it returns something other than `undefined`.
 * An override keeps the subscription of the method it overrides unless it has decorators of its own.
 *
 * @param topic a topic, or a pattern: `flag.*` for one more segment, `flag.>` for one or more
 * @throws ClusterError `CLUSTER_INVALID_TOPIC`; ClusterUsageError `CLUSTER_INVALID_HANDLER`
 *
 * @example
 * @OnClusterEvent('flag.changed')
 * onFlagChanged(flag: FlagChanged, { from }: EventContext): void {
 *   this.flags.set(flag.key, flag.enabled);
 * }
 */
export function OnClusterEvent<Topic extends ClusterTopic>(
  topic: Topic,
): ClusterEventHandlerDecorator<HandledPayload<Topic>> {
  checkPattern(topic);
  return (target, name, descriptor) => {
    assertInstanceMethod(`@OnClusterEvent('${topic}')`, target, name, descriptor);
    markMethod(target, name, { kind: 'event', topic });
    describeDefaultParams(target, name);
  };
}
