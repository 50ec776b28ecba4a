/** What a person should know about an answer of kubernetesApi(): why it is empty, and what it leaves out. Pure. */
import type { LeftOutReason } from './kubernetes-endpoints.js';
import { type KubernetesFailure, remedyFor, type Subject } from './kubernetes-failure.js';
import { MAX_ADDRESSES, type Summary } from './kubernetes-objects.js';

/** What there is to explain. */
export interface Answered {
  readonly summary: Summary;
  readonly port: number | string;
  /** Why the API is not watched now, if it is not. */
  readonly failure: KubernetesFailure | undefined;
  /** For how long the answer was not kept up to date, in milliseconds. */
  readonly staleMs: number;
}

/** One or two sentences that name the cause and the remedy; undefined when there is nothing to say. */
export function explainAnswer({ summary, port, failure, staleMs }: Answered, subject: Subject): string | undefined {
  const sentences: string[] = [];
  if (failure !== undefined) {
    const since = staleMs === Infinity ? 'Nobody is known yet' : `The answer is ${Math.round(staleMs / 1_000)} s old`;
    sentences.push(
      `${since}: of the Kubernetes API at ${subject.server}, ${failure.message}.`,
      remedyFor(failure, subject),
    );
  }
  if (staleMs === Infinity) return sentences.length === 0 ? undefined : sentences.join(' ');
  if (summary.addresses === 0) sentences.push(whyEmpty(summary, port, subject));
  else if (summary.isCut) sentences.push(`Only the first ${MAX_ADDRESSES} addresses of ${subject.what} are listed.`);
  if (summary.addresses > 0) {
    const parts = describeLeftOut(summary, port);
    if (parts !== '') sentences.push(`Of ${subject.what}, some are left out: ${parts}.`);
  }
  return sentences.length === 0 ? undefined : sentences.join(' ');
}

/** Why nobody is listed, and what may be wrong: a node that should be listed itself is not. */
export function whyEmpty(summary: Summary, port: number | string, subject: Subject): string {
  const { what, namespace, resource } = subject;
  if (summary.objects === 0) {
    const check = resource === 'pods' ? 'the labels of the pods' : 'the name of the service and that it has a selector';
    return `Namespace '${namespace}' has no ${resource} of ${what}: check ${check}, and the namespace.`;
  }
  const parts = describeLeftOut(summary, port);
  const check = resource === 'pods' ? '' : ': check the selector of the service';
  return parts === '' ? `Nobody is behind ${what} yet${check}.` : `Nobody of ${what} can be listed: ${parts}.`;
}

function describeLeftOut({ leftOut, portNames }: Summary, port: number | string): string {
  const names = portNames.length === 0 ? 'none has a name' : `there are ${portNames.join(', ')}`;
  const sentences: Record<LeftOutReason, string> = {
    'not-ready': 'not ready, as includeNotReady is false',
    'no-such-port': `without a TCP port named '${port}' (${names})`,
    'no-address': 'without an IP address',
    finished: 'finished',
  };
  return Object.entries(leftOut)
    .map(([reason, times]) => `${times} ${sentences[reason as LeftOutReason]}`)
    .join(', ');
}
