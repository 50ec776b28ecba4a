/** Publishes what a method returns. */
import { types } from 'node:util';
import { decode, encode } from '@rookery/mesh';
import { encodeTopic } from '@rookery/pubsub';
import { delayProblem, printable } from '@rookery/runtime';
import { ClusterOptionsError, type ConfirmedPublication, type Member } from 'rookery/mesh';
import { isObservable, Observable } from 'rxjs';
import { ClusterUsageError } from '../errors.js';
import { nestLogger } from '../nest-logger.js';
import { openHold } from './after-commit.js';
import { type BroadcastTarget, clusterOf, injectCluster } from './cluster-binding.js';
import type { ClusterTopic, PublishedPayload } from './cluster-event-map.js';
import { assertInstanceMethod } from './handler-marks.js';

/** How long a confirmation is waited for. */
export interface ConfirmOptions {
  /**
   * When to stop waiting, from 0 to 2147483647 ms. The method then resolves all the same, and a warning is logged.
   * @default 1000
   */
  readonly timeoutMs?: number;
}

/** What a method, or the mapper of its result, may give: a payload, or nothing to publish. */
type Announced<Topic extends string> = PublishedPayload<Topic> | undefined | void;

/** The decorator that {@link ClusterBroadcast} returns: it fits methods of these arguments and results. */
export type ClusterBroadcastDecorator<Result, Args extends unknown[] = never[]> = <
  Method extends (...args: Args) => Result,
>(
  target: object,
  name: string | symbol,
  descriptor: TypedPropertyDescriptor<Method>,
) => void;

interface Broadcast {
  readonly topic: string;
  /** `Class.method`, for messages. */
  readonly label: string;
  readonly toPayload: ((result: unknown, args: unknown[]) => unknown) | undefined;
  readonly confirm: ConfirmOptions | undefined;
}

/**
 * Publishes what the method returns, after it succeeded: to every other node, and to the handlers of this one. Nothing
 * is published when the method throws or rejects, or when the payload is `undefined`. If publishing fails, the caller
 * of the method gets that error.
 *
 * A synchronous method stays synchronous. Metadata of the method (guards, routes, documentation) is kept, whether its
 * decorators stand above or below. Repeatable, and inherited like any method. Works in every class that Nest makes,
 * whatever its scope; see {@link bindCluster} for others.
 *
 * Inside a database transaction, publish only what was committed: either let the method itself run the transaction and
 * return after it, or run the outer transaction in a {@link CommitScope} or with the helpers of `rookery/typeorm`.
 * Payloads are then copied at once, and published in order after the outermost commit.
 *
 * @param topic where to publish; not a pattern
 * @throws ClusterError `CLUSTER_INVALID_TOPIC`, `CLUSTER_INVALID_OPTIONS`; ClusterUsageError `CLUSTER_INVALID_HANDLER`,
 * `CLUSTER_INVALID_RESULT`
 *
 * @example
 * @ClusterBroadcast('flag.changed')
 * async setEnabled(key: string, enabled: boolean): Promise<FlagChanged> {
 *   return this.store.update(key, enabled);
 * }
 */
export function ClusterBroadcast<Topic extends ClusterTopic>(
  topic: Topic,
  options?: { readonly payload?: undefined; readonly confirm?: false },
): ClusterBroadcastDecorator<Announced<Topic> | Promise<Announced<Topic>>>;
/**
 * With `confirm`, the method resolves once every other node has *handled* the event, or when the time is over. It must
 * be asynchronous. Inside a held transaction it resolves at once, and the transaction waits instead.
 *
 * @example
 * @ClusterBroadcast('user.banned', { confirm: { timeoutMs: 2_000 } })
 */
export function ClusterBroadcast<Topic extends ClusterTopic>(
  topic: Topic,
  options: { readonly payload?: undefined; readonly confirm: boolean | ConfirmOptions },
): ClusterBroadcastDecorator<Promise<Announced<Topic>>>;
/**
 * With `payload`, publishes what it makes of the result and the arguments; nothing when that is `undefined`.
 *
 * @example
 * @ClusterBroadcast('flag.changed', { payload: (flag: Flag, [key]: [string]) => ({ key, version: flag.version }) })
 */
export function ClusterBroadcast<Topic extends ClusterTopic, Result, Args extends unknown[] = never[]>(
  topic: Topic,
  options: { readonly payload: (result: Result, args: Args) => Announced<Topic>; readonly confirm?: false },
): ClusterBroadcastDecorator<Result | Promise<Result>, Args>;
/** With `payload` and `confirm`. */
export function ClusterBroadcast<Topic extends ClusterTopic, Result, Args extends unknown[] = never[]>(
  topic: Topic,
  options: {
    readonly payload: (result: Result, args: Args) => Announced<Topic>;
    readonly confirm: boolean | ConfirmOptions;
  },
): ClusterBroadcastDecorator<Promise<Result>, Args>;
export function ClusterBroadcast(
  topic: string,
  options: {
    readonly payload?: (result: never, args: never) => unknown;
    readonly confirm?: boolean | ConfirmOptions;
  } = {},
): MethodDecorator {
  encodeTopic(topic);
  assertConfirmOptions(topic, options.confirm);
  return (target: object, name: string | symbol, descriptor: PropertyDescriptor) => {
    assertInstanceMethod(`@ClusterBroadcast('${topic}')`, target, name, descriptor);
    const broadcast: Broadcast = {
      topic,
      label: `${target.constructor.name}.${name}`,
      toPayload: options.payload as Broadcast['toPayload'],
      confirm: options.confirm === true ? {} : options.confirm || undefined,
    };
    const method = descriptor.value as Method;
    if (Reflect.getMetadata('design:returntype', target, name) === Observable) throw notAnnounceable(broadcast);
    if (types.isGeneratorFunction(method)) throw notRunYet(broadcast);
    injectCluster(target);
    descriptor.value = inTheGuiseOf(method, announcing(method, broadcast));
  };
}

function assertConfirmOptions(topic: string, confirm: unknown): void {
  if (confirm === undefined || typeof confirm === 'boolean') return;
  const problem =
    typeof confirm !== 'object' || confirm === null
      ? 'confirm: must be true, false, or an object such as { timeoutMs: 2000 }.'
      : 'timeoutMs' in confirm && confirm.timeoutMs !== undefined
        ? delayProblem('confirm.timeoutMs', confirm.timeoutMs)
        : undefined;
  if (problem !== undefined) throw new ClusterOptionsError([problem], `@ClusterBroadcast('${topic}')`);
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

function announcing(method: Method, broadcast: Broadcast): Method {
  return function (...args) {
    // First of all: without a cluster, the method must not do half of its work.
    const cluster = clusterOf(this, broadcast.label);
    const result = method.apply(this, args);
    if (isPromise(result)) {
      return result.then(async (value) => {
        await announce(cluster, broadcast, value, args);
        return value;
      });
    }
    if (broadcast.confirm) throw notAwaitable(broadcast);
    void announce(cluster, broadcast, result, args);
    return result;
  };
}

/** Publishes now, or after the commit; a promise only when a confirmation is waited for. */
function announce(
  cluster: BroadcastTarget,
  broadcast: Broadcast,
  result: unknown,
  args: unknown[],
): Promise<void> | undefined {
  if (isObservable(result)) throw notAnnounceable(broadcast);
  if (types.isGeneratorObject(result)) throw notRunYet(broadcast);
  const payload = broadcast.toPayload ? broadcast.toPayload(result, args) : result;
  if (payload === undefined) return undefined;
  if (isPromise(payload)) throw notAPayload(broadcast);
  const hold = openHold();
  if (hold === undefined) return publish(cluster, broadcast, payload);
  // What cannot travel must fail now, while the transaction can still be rolled back, and later changes of the object
  // by the rest of the transaction are not what this method returned.
  const copy = decode(encode(payload));
  hold.hold(() => publish(cluster, broadcast, copy));
  return undefined;
}

function publish(cluster: BroadcastTarget, { topic, confirm }: Broadcast, payload: unknown): Promise<void> | undefined {
  if (confirm === undefined) {
    cluster.publish(topic, payload);
    return undefined;
  }
  return cluster.publishConfirmed(topic, payload, confirm).then((outcome) => warnUnlessConfirmed(topic, outcome));
}

function warnUnlessConfirmed(topic: string, { failed, pending }: ConfirmedPublication): void {
  if (failed.length + pending.length === 0) return;
  const names = (members: readonly Member[]): string => members.map(({ name }) => printable(name)).join(', ') || 'none';
  nestLogger().warn(`'${topic}' is not confirmed by all: failed on ${names(failed)}; no answer of ${names(pending)}`);
}

/** Makes `wrapper` pass for `method`: its name, its length, and all that decorators have said about it so far. */
function inTheGuiseOf(method: Method, wrapper: Method): Method {
  for (const key of Reflect.getOwnMetadataKeys(method) as unknown[]) {
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  }
  return Object.defineProperties(wrapper, {
    name: { value: method.name, configurable: true },
    length: { value: method.length, configurable: true },
  });
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function notAnnounceable({ label, topic }: Broadcast): ClusterUsageError {
  return new ClusterUsageError(
    'CLUSTER_INVALID_RESULT',
    `${label} returns an Observable, of which @ClusterBroadcast('${topic}') cannot know when it succeeded. ` +
      'Return a promise (lastValueFrom), or publish with cluster.publish(...) where the value is known.',
  );
}

function notRunYet({ label, topic }: Broadcast): ClusterUsageError {
  return new ClusterUsageError(
    'CLUSTER_INVALID_RESULT',
    `${label} returns a generator, of which nothing has run yet when @ClusterBroadcast('${topic}') would publish it. ` +
      'Return the values, such as an array, or publish with cluster.publish(...) where each value is known.',
  );
}

function notAwaitable({ label, topic }: Broadcast): ClusterUsageError {
  return new ClusterUsageError(
    'CLUSTER_INVALID_RESULT',
    `${label} is synchronous and cannot wait for the confirmation that @ClusterBroadcast('${topic}') asks for; nothing ` +
      'was published. Make the method async, or leave out confirm.',
  );
}

function notAPayload({ label, topic }: Broadcast): ClusterUsageError {
  return new ClusterUsageError(
    'CLUSTER_INVALID_RESULT',
    `The payload function of @ClusterBroadcast('${topic}') on ${label} returned a promise. Make it synchronous: await ` +
      'in the method, and derive the payload from what the method returns.',
  );
}
