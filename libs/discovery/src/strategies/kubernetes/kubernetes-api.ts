/** Peers by the API of Kubernetes: the endpoints of a service, or pods, watched. */
import type { Timer } from '@rookery/runtime';
import type { DiscoveryContext, DiscoveryStrategy, PeerAddress } from '../../discovery-strategy.js';
import { DiscoveryError } from '../../errors.js';
import {
  type KubernetesApiOptions,
  resolveKubernetesApiOptions,
  type ResolvedKubernetesApiOptions,
} from './kubernetes-api-options.js';
import { KubernetesClient } from './kubernetes-client.js';
import { KubernetesCredentials } from './kubernetes-credentials.js';
import { readEndpointSlice, readPod } from './kubernetes-endpoints.js';
import { explainAnswer, whyEmpty } from './kubernetes-explain.js';
import { KubernetesFailure, lookupFailed, type Subject } from './kubernetes-failure.js';
import { KubernetesObjects } from './kubernetes-objects.js';
import { KubernetesWatch } from './kubernetes-watch.js';

/** Changes that come together, as in a rollout, are told together. */
const COALESCE_MS = 20;
/** A service that is a moment old has no endpoints yet; one that stays so has a reason that a person should look for. */
const EMPTY_GRACE_MS = 10_000;

/**
 * Peers by the API of Kubernetes, with no package beside Node: lists them once, then watches, so that a pod is known a
 * moment after it has an address and not at the next poll. {@link kubernetesDns} needs no permission and suffices for
 * most; this one finds new pods sooner, is not held back by caches of DNS, works with services that are not headless,
 * and with pods that no service has.
 *
 * - *Who counts.* With `service`, the endpoints of its slices, of IPv4 and of IPv6; with `selector`, pods that have an
 *   address. Those that are not ready count as well, or pods that start together would wait for each other. Those that
 *   are ending count until they are gone: they may still publish, and a member that is no longer listed is given up
 *   sooner. Dialling one that has just ended is refused, and does no harm.
 * - *Nobody yet.* An empty list is an answer; after ten seconds of it a line in the log says what to check.
 * - *Unknown.* `discover` rejects before the first list, and once the API could not be watched for `staleAfterMs`; for as
 *   long as that, an outage of the API changes nothing.
 * - *The token* and the authority are read again each minute, and when the API refuses the token. The certificate of the
 *   API is always checked.
 *
 * The service account of the pod needs two verbs in its namespace:
 *
 * ```yaml
 * apiVersion: v1
 * kind: ServiceAccount
 * metadata: { name: app }
 * ---
 * apiVersion: rbac.authorization.k8s.io/v1
 * kind: Role
 * metadata: { name: find-peers }
 * rules:
 *   - { apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch] }
 *   # With selector instead of service: { apiGroups: [""], resources: [pods], verbs: [list, watch] }
 * ---
 * apiVersion: rbac.authorization.k8s.io/v1
 * kind: RoleBinding
 * metadata: { name: app-finds-peers }
 * roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: find-peers }
 * subjects: [{ kind: ServiceAccount, name: app }]
 * ```
 *
 * @returns a strategy for one node: `start` rejects with `DISCOVERY_IN_USE` for a second one. Its `discover` rejects with
 * {@link DiscoveryError} `DISCOVERY_LOOKUP_FAILED` when who is there is unknown, with the reason and the permission that
 * is missing, if one is; with `DISCOVERY_NOT_STARTED` before `start`; and with the signal's reason when it is aborted.
 * @throws {@link DiscoveryOptionsError} `DISCOVERY_INVALID_OPTIONS`, naming every problem; also outside of Kubernetes
 * when `server` or `namespace` is left out.
 * @example
 * kubernetesApi({ service: 'app', port: 4370 });
 * kubernetesApi({ service: ['api', 'landing'], port: 'rookery', namespace: 'shop' });
 * kubernetesApi({ selector: 'app=shop', port: 'rookery' });
 */
export function kubernetesApi(options: KubernetesApiOptions): DiscoveryStrategy {
  return new KubernetesApiStrategy(resolveKubernetesApiOptions(options));
}

/** What is held between `start` and `withdraw`. */
interface Post {
  readonly context: DiscoveryContext;
  readonly objects: KubernetesObjects;
  readonly watch: KubernetesWatch;
}

class KubernetesApiStrategy implements DiscoveryStrategy {
  readonly name = 'kubernetes-api';
  readonly pollIntervalMs: number;
  private readonly subject: Subject;
  private post: Post | undefined;
  /** Polls that came before anything was known. */
  private readonly waiting = new Set<() => void>();
  /** Set while a change is about to be told. */
  private telling: Timer | undefined;
  private emptySince: number | undefined;
  private isEmptinessLogged = false;

  constructor(private readonly options: ResolvedKubernetesApiOptions) {
    const { namespace, resource, what, tokenFile, caFile, server } = options;
    this.pollIntervalMs = options.pollIntervalMs;
    this.subject = { server: server.origin, namespace, resource, what, tokenFile, caFile };
  }

  start(context: DiscoveryContext): void {
    if (this.post !== undefined) throw inUse();
    const { resource, port, includeNotReady, server, tokenFile, caFile, timeoutMs } = this.options;
    const { clock } = context;
    const objects = new KubernetesObjects(resource === 'pods' ? readPod : readEndpointSlice, { port, includeNotReady });
    const credentials = new KubernetesCredentials(tokenFile, caFile, clock);
    const client = new KubernetesClient(server, credentials, timeoutMs, clock);
    const tell = (): void => this.tell(context);
    const wake = (): void => this.wake();
    this.emptySince = undefined;
    this.isEmptinessLogged = false;
    this.post = { context, objects, watch: new KubernetesWatch(client, this.options, objects, context, tell, wake) };
  }

  async discover(signal: AbortSignal): Promise<readonly PeerAddress[]> {
    signal.throwIfAborted();
    while (this.post?.watch.hasOutcome === false) await this.nextOutcome(signal);
    if (this.post === undefined) throw notStarted();
    const { context, objects, watch } = this.post;
    const { staleMs, failure } = watch;
    if (staleMs > this.options.staleAfterMs) {
      const unknown = new KubernetesFailure('unreachable', 'it is being asked');
      throw lookupFailed(failure ?? unknown, this.subject, staleMs === Infinity ? undefined : staleMs);
    }
    this.logEmptiness(context, objects);
    return [...objects.addresses];
  }

  explain(): string | undefined {
    if (this.post === undefined) return undefined;
    const { objects, watch } = this.post;
    const { staleMs, failure } = watch;
    return explainAnswer({ summary: objects.summary, port: this.options.port, failure, staleMs }, this.subject);
  }

  async withdraw(): Promise<void> {
    const { post } = this;
    this.post = undefined;
    this.telling?.cancel();
    this.telling = undefined;
    this.wake();
    await post?.watch.stop();
  }

  /** Something is known that was not: whoever waits for it goes on, and the loop is told, once for what comes together. */
  private tell(context: DiscoveryContext): void {
    this.wake();
    if (this.post?.context !== context) return;
    this.telling ??= context.clock.after(COALESCE_MS, () => {
      this.telling = undefined;
      context.changed();
    });
  }

  private wake(): void {
    for (const goOn of this.waiting) goOn();
  }

  private nextOutcome(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const goOn = (): void => {
        this.waiting.delete(goOn);
        signal.removeEventListener('abort', goOn);
        // The reason is whatever the caller chose.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.waiting.add(goOn);
      signal.addEventListener('abort', goOn, { once: true });
    });
  }

  /** A node that stays alone for a misspelt name must say so; this node itself should be listed, after all. */
  private logEmptiness({ clock, logger }: DiscoveryContext, objects: KubernetesObjects): void {
    const { what } = this.subject;
    if (objects.addresses.length > 0) {
      if (this.isEmptinessLogged) logger.info(`Kubernetes lists somebody behind ${what} now.`);
      this.emptySince = undefined;
      this.isEmptinessLogged = false;
      return;
    }
    this.emptySince ??= clock.now();
    if (this.isEmptinessLogged || clock.now() - this.emptySince < EMPTY_GRACE_MS) return;
    this.isEmptinessLogged = true;
    logger.warn(
      `Kubernetes lists nobody behind ${what}: this node meets nobody there until it does. ` +
        whyEmpty(objects.summary, this.options.port, this.subject),
    );
  }
}

function notStarted(): DiscoveryError {
  return new DiscoveryError(
    'DISCOVERY_NOT_STARTED',
    'kubernetesApi() was asked before it was started, or after it left: start(context) lends it a clock and a logger.',
  );
}

function inUse(): DiscoveryError {
  return new DiscoveryError(
    'DISCOVERY_IN_USE',
    'This kubernetesApi() already serves a node: it watches for one. Call kubernetesApi() again for each node.',
  );
}
