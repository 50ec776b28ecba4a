/** What can go wrong between a strategy and the Kubernetes API, and what a person is told about it. Pure. */
import { describeError, printable } from '@rookery/runtime';
import { DiscoveryError } from '../../errors.js';
import { isRecord } from '../../option-check.js';

/**
 * What went wrong; decides what is done next.
 * - `unreachable`: no connection, one that broke, or silence.
 * - `untrusted`: the server has not shown a certificate that the authority in `caFile` vouches for.
 * - `credentials`: the token or the authority cannot be read.
 * - `status`: the server answered with an error.
 * - `gone`: the version or the page that was asked for is no longer held (410).
 * - `malformed`: what it answered is not what the API answers.
 * - `too-many`: more objects than are held.
 */
export type FailureKind = 'unreachable' | 'untrusted' | 'credentials' | 'status' | 'gone' | 'malformed' | 'too-many';

const GONE = 410;
/** Long enough for the sentence that the API writes about a missing permission. */
const MAX_STATUS_MESSAGE = 240;

/** One failure of a request or a watch. Never holds the token. */
export class KubernetesFailure extends Error {
  override readonly name = 'KubernetesFailure';

  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly details: { readonly status?: number; readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause });
  }

  get status(): number | undefined {
    return this.details.status;
  }

  get retryAfterMs(): number | undefined {
    return this.details.retryAfterMs;
  }

  /**
   * What the API says about an error: an object of the kind `Status`, in the body of an answer or in an `ERROR` event.
   *
   * @param fallback - the status code of the answer, where the object has none.
   */
  static ofStatus(object: unknown, fallback = 0, retryAfterMs?: number): KubernetesFailure {
    const { code, message, reason } = isRecord(object) ? object : {};
    const status = Number.isInteger(code) ? (code as number) : fallback;
    const said = [reason, message].filter((text) => typeof text === 'string' && text !== '').join(': ');
    const text = `it answered ${status}${said === '' ? '' : ` (${printable(said, MAX_STATUS_MESSAGE)})`}`;
    const isGone = status === GONE || reason === 'Expired' || reason === 'Gone';
    return new KubernetesFailure(isGone ? 'gone' : 'status', text, { status, retryAfterMs });
  }

  /** Any error of a socket or of TLS; one that is a failure already stays as it is. */
  static of(error: unknown): KubernetesFailure {
    if (error instanceof KubernetesFailure) return error;
    const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
    const text = printable(describeError(error), MAX_STATUS_MESSAGE);
    if (isCertificateProblem(code)) {
      return new KubernetesFailure('untrusted', `its certificate is refused (${code})`, { cause: error });
    }
    return new KubernetesFailure('unreachable', `it cannot be reached (${text})`, { cause: error });
  }
}

/** The codes of OpenSSL and of Node for a certificate that does not hold. */
function isCertificateProblem(code: string): boolean {
  return (
    /^(CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_TLS_CERT_|INVALID_CA|INVALID_PURPOSE|HOSTNAME_MISMATCH)/.test(
      code,
    ) || /^(CRL_|ERROR_IN_CERT|PATH_LENGTH_EXCEEDED)/.test(code)
  );
}

/** What is asked for, for messages. */
export interface Subject {
  readonly server: string;
  readonly namespace: string;
  readonly resource: 'endpointslices' | 'pods';
  /** `service 'app'`, or `selector 'app=shop'`. */
  readonly what: string;
  readonly tokenFile: string;
  readonly caFile: string;
}

/**
 * The error of `discover()`: who is there is unknown, why, and what mends it.
 *
 * @param staleMs - for how long what is known has not been kept up to date; undefined when nothing was known yet.
 */
export function lookupFailed(failure: KubernetesFailure, subject: Subject, staleMs?: number): DiscoveryError {
  const { server, what, namespace } = subject;
  const since = staleMs === undefined ? 'is unknown' : `has not been known for ${Math.round(staleMs / 1_000)} s`;
  return new DiscoveryError(
    'DISCOVERY_LOOKUP_FAILED',
    `Who is behind ${what} in namespace '${namespace}' ${since}. Of the Kubernetes API at ${server}: ` +
      `${failure.message}. ${remedyFor(failure, subject)}`,
    { cause: failure },
  );
}

/** What a person can do about it. */
export function remedyFor({ kind, status }: KubernetesFailure, subject: Subject): string {
  const { resource, namespace, tokenFile, caFile } = subject;
  if (kind === 'untrusted')
    return `Give the certificate of the API's authority as caFile (now ${caFile}), and the name that it vouches for as server.`;
  if (kind === 'credentials')
    return 'Run in a pod that mounts its service account (automountServiceAccountToken), or give tokenFile and caFile.';
  if (kind === 'too-many') return 'Choose a service or a selector that only the peers have.';
  if (kind === 'malformed') return 'It is asked again; check that server is the API of Kubernetes.';
  if (status === 401) return `The token in ${tokenFile} is not accepted; it is read again at each attempt.`;
  if (status === 403) {
    const group = resource === 'pods' ? '""' : 'discovery.k8s.io';
    return (
      `Bind a Role of namespace '${namespace}' to the service account of this pod: apiGroups [${group}], ` +
      `resources [${resource}], verbs [list, watch].`
    );
  }
  if (status === 404) return 'Check that server is the API of Kubernetes 1.21 or newer.';
  return 'It is asked again.';
}
