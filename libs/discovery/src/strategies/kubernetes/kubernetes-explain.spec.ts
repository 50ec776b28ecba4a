import { describe, expect, it } from '@jest/globals';
import { type Answered, explainAnswer } from './kubernetes-explain.js';
import { KubernetesFailure, type Subject } from './kubernetes-failure.js';
import type { Summary } from './kubernetes-objects.js';

const SUBJECT: Subject = {
  server: 'https://10.96.0.1',
  namespace: 'shop',
  resource: 'endpointslices',
  what: "service 'app'",
  tokenFile: '/token',
  caFile: '/ca.crt',
};
const SUMMARY: Summary = { objects: 1, addresses: 2, leftOut: {}, portNames: [], isCut: false };

function explain(summary: Partial<Summary>, more: Partial<Answered> = {}, subject = SUBJECT): string | undefined {
  const answered = { summary: { ...SUMMARY, ...summary }, port: 'rookery', failure: undefined, staleMs: 0, ...more };
  return explainAnswer(answered, subject);
}

describe('explainAnswer', () => {
  it('has nothing to say when all is well, and before anything is known', () => {
    expect(explain({})).toBeUndefined();
    expect(explain({ objects: 0, addresses: 0 }, { staleMs: Infinity })).toBeUndefined();
  });

  it('says why nobody is listed', () => {
    expect(explain({ objects: 0, addresses: 0 })).toBe(
      "Namespace 'shop' has no endpointslices of service 'app': check the name of the service and that it has a selector, " +
        'and the namespace.',
    );
    const pods: Subject = { ...SUBJECT, resource: 'pods', what: "selector 'app=shop'" };
    expect(explain({ objects: 0, addresses: 0 }, {}, pods)).toBe(
      "Namespace 'shop' has no pods of selector 'app=shop': check the labels of the pods, and the namespace.",
    );
    expect(explain({ addresses: 0 })).toBe("Nobody is behind service 'app' yet: check the selector of the service.");
    expect(explain({ addresses: 0, leftOut: { 'no-such-port': 2 }, portNames: ['http', 'metrics'] })).toBe(
      "Nobody of service 'app' can be listed: 2 without a TCP port named 'rookery' (there are http, metrics).",
    );
  });

  it('says who is left out', () => {
    expect(explain({ leftOut: { 'not-ready': 2, finished: 1 } })).toBe(
      "Of service 'app', some are left out: 2 not ready, as includeNotReady is false, 1 finished.",
    );
    expect(explain({ isCut: true })).toBe("Only the first 20000 addresses of service 'app' are listed.");
  });

  it('says that the answer is old, and why', () => {
    const failure = new KubernetesFailure('unreachable', 'it did not answer within 5000 ms');
    expect(explain({}, { failure, staleMs: 12_345 })).toBe(
      'The answer is 12 s old: of the Kubernetes API at https://10.96.0.1, it did not answer within 5000 ms. It is asked again.',
    );
    expect(explain({}, { failure, staleMs: Infinity })).toMatch(/^Nobody is known yet: of the Kubernetes API/);
  });
});
