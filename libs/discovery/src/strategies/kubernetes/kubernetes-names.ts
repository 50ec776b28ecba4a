/** How Kubernetes names services, namespaces and ports, and where it tells a pod its own namespace. */
import { readFileSync } from 'node:fs';
import { expected, type OptionRule, portRule } from '../../option-check.js';

/** Where a pod finds what belongs to its service account. */
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';
/** Where a pod finds its namespace. */
export const NAMESPACE_FILE = `${SERVICE_ACCOUNT_DIRECTORY}/namespace` as const;

/** What Kubernetes accepts as the name of a service or a namespace. */
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** And as the name of a port: 15 characters at most, of which one at least is a letter. */
const PORT_NAME = /^(?=.{1,15}$)(?=.*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*$/;

/** The name of a service or a namespace, without a domain. */
export const labelRule: OptionRule = (value) =>
  typeof value === 'string' && LABEL.test(value)
    ? undefined
    : expected('a bare name (lower-case letters, digits, hyphens; 63 at most)', value);

/** The number of a port, or the name that a service or a container gives it. */
export const portOrNameRule: OptionRule = (value) => {
  const isValid = typeof value === 'string' ? PORT_NAME.test(value) : portRule(value) === undefined;
  return isValid ? undefined : expected('an integer from 1 to 65535, or the name of a port of the service', value);
};

/** The path of a file. */
export const pathRule: OptionRule = (value) =>
  typeof value === 'string' && value !== '' ? undefined : expected('a path', value);

/** A namespace, or why there is none. */
export interface NamespaceAnswer {
  readonly namespace?: string;
  readonly problem?: string;
  readonly cause?: unknown;
}

/** Read once, when the strategy is made: a pod never changes its namespace, and a mistake shows before anything starts. */
export function resolveNamespace(
  options: { readonly namespace?: string; readonly namespaceFile?: string } | undefined,
): NamespaceAnswer {
  if (options?.namespace !== undefined) return { namespace: options.namespace };
  const file = options?.namespaceFile ?? NAMESPACE_FILE;
  const remedy = 'give namespace, or run in a pod that mounts its service account (automountServiceAccountToken)';
  try {
    const namespace = readFileSync(String(file), 'utf8').trim();
    const problem = labelRule(namespace);
    if (problem === undefined) return { namespace };
    return { problem: `namespace is not given, and what ${file} holds ${problem}; ${remedy}` };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    return { problem: `namespace is not given, and ${file} cannot be read (${code}); ${remedy}`, cause };
  }
}
