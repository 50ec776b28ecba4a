/** Marks a method as a handler of member changes. */
import type { MemberEvent, MemberStatus } from 'rookery/mesh';
import { ClusterUsageError } from '../errors.js';
import { assertInstanceMethod, markMethod } from './handler-marks.js';

/** The decorator that {@link OnMember} returns. */
export type MemberHandlerDecorator = <Handler extends (event: MemberEvent) => unknown>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Handler>,
) => void;

const STATUSES: readonly MemberStatus[] = ['up', 'suspect', 'lost', 'left'];

/**
 * Calls the method with `{ member, reason }` whenever another node becomes `status`: `up` before anything from it,
 * `lost` and `left` after everything. Found as the handlers of `@OnClusterEvent` are; guards, pipes, interceptors and
 * filters do not apply.
 *
 * @throws ClusterUsageError `CLUSTER_INVALID_STATUS`, `CLUSTER_INVALID_HANDLER`
 *
 * @example
 * @OnMember('lost')
 * onLost({ member, reason }: MemberEvent): void {
 *   this.logger.warn(`${member.name} is gone: ${reason}`);
 * }
 */
export function OnMember(status: MemberStatus): MemberHandlerDecorator {
  if (!STATUSES.includes(status)) {
    throw new ClusterUsageError(
      'CLUSTER_INVALID_STATUS',
      `@OnMember('${String(status)}'): there is no such status. Use one of ${STATUSES.map((s) => `'${s}'`).join(', ')}.`,
    );
  }
  return (target, name, descriptor) => {
    assertInstanceMethod(`@OnMember('${status}')`, target, name, descriptor);
    markMethod(target, name, { kind: 'member', status });
  };
}
