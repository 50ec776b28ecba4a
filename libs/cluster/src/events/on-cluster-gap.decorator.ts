/** Marks a method as a handler of gaps. */
import { checkPattern } from '@rookery/pubsub';
import type { Gap } from 'rookery/mesh';
import type { ClusterTopic } from './cluster-event-map.js';
import { assertInstanceMethod, markMethod } from './handler-marks.js';

/** The decorator that {@link OnClusterGap} returns. */
export type ClusterGapHandlerDecorator = <Handler extends (gap: Gap) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Handler>,
) => void;

/**
 * Calls the method with a {@link Gap} where publications are missing that this node should have had: the place to load
 * anew what was kept current by events. The call takes its place in the order among the events of the same instance.
 * Found as the handlers of `@OnClusterEvent` are; guards, pipes, interceptors and filters do not apply.
 *
 * @param topic a topic or pattern that narrows the gaps of single subscriptions (`slow-handler`); gaps of a whole sender
 * concern every topic and are always heard. @default all gaps
 * @throws ClusterError `CLUSTER_INVALID_TOPIC`; ClusterUsageError `CLUSTER_INVALID_HANDLER`
 *
 * @example
 * @OnClusterGap('flag.*')
 * async onGap({ from, reason }: Gap): Promise<void> {
 *   this.logger.warn(`changes by ${from.name} may be missing (${reason}): loading all flags`);
 *   await this.reload();
 * }
 */
export function OnClusterGap(topic?: ClusterTopic): ClusterGapHandlerDecorator {
  if (topic !== undefined) checkPattern(topic);
  return (target, name, descriptor) => {
    assertInstanceMethod(
      topic === undefined ? '@OnClusterGap()' : `@OnClusterGap('${topic}')`,
      target,
      name,
      descriptor,
    );
    markMethod(target, name, { kind: 'gap', topic });
  };
}
