import { describe, expect, it } from '@jest/globals';
import { KubernetesFailure, lookupFailed, remedyFor, type Subject } from './kubernetes-failure.js';

const SUBJECT: Subject = {
  server: 'https://10.96.0.1',
  namespace: 'shop',
  resource: 'endpointslices',
  what: "service 'app'",
  tokenFile: '/token',
  caFile: '/ca.crt',
};

describe('KubernetesFailure', () => {
  it.each([
    [{ code: 410, reason: 'Expired' }, 'gone'],
    [{ code: 410, reason: 'Gone' }, 'gone'],
    [{ reason: 'Expired' }, 'gone'],
    [{ code: 403, reason: 'Forbidden', message: 'no' }, 'status'],
  ])('reads %j as %s', (status, kind) => {
    expect(KubernetesFailure.ofStatus(status).kind).toBe(kind);
  });

  it('takes the status of the answer where the object has none', () => {
    expect(KubernetesFailure.ofStatus('<html>', 502).message).toBe('it answered 502');
    expect(KubernetesFailure.ofStatus({ code: '9' }, 410).kind).toBe('gone');
  });

  it('cuts and escapes what the server says', () => {
    const { message } = KubernetesFailure.ofStatus({ code: 500, message: `a\nb${'x'.repeat(1_000)}` });
    expect(message).toContain('a\\u000ab');
    expect(message.length).toBeLessThan(300);
  });

  it.each([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'CERT_HAS_EXPIRED',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
  ])('knows that %s is a matter of trust', (code) => {
    const failure = KubernetesFailure.of(Object.assign(new Error('refused'), { code }));
    expect(failure).toMatchObject({ kind: 'untrusted', message: `its certificate is refused (${code})` });
  });

  it.each([Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), new Error('odd'), 'text', null])(
    'takes anything else for a server that cannot be reached: %p',
    (error) => {
      expect(KubernetesFailure.of(error).kind).toBe('unreachable');
    },
  );

  it('keeps a failure as it is', () => {
    const failure = new KubernetesFailure('gone', 'too old');
    expect(KubernetesFailure.of(failure)).toBe(failure);
  });
});

describe('lookupFailed', () => {
  it('says what is unknown, since when, why, and what to do, within what a log line holds', () => {
    const failure = KubernetesFailure.ofStatus({ code: 403, reason: 'Forbidden', message: 'x'.repeat(1_000) });
    const error = lookupFailed(failure, SUBJECT, 31_400);
    expect(error).toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED', cause: failure });
    expect(error.message).toMatch(/^Who is behind service 'app' in namespace 'shop' has not been known for 31 s\. /);
    expect(error.message).toMatch(/verbs \[list, watch\]\.$/);
    expect(error.message.length).toBeLessThan(600);
  });
});

describe('remedyFor', () => {
  it.each([
    [new KubernetesFailure('untrusted', ''), /caFile \(now \/ca\.crt\)/],
    [new KubernetesFailure('credentials', ''), /automountServiceAccountToken/],
    [new KubernetesFailure('too-many', ''), /only the peers have/],
    [new KubernetesFailure('malformed', ''), /check that server/],
    [new KubernetesFailure('unreachable', ''), /asked again/],
    [KubernetesFailure.ofStatus({ code: 401 }), /token in \/token/],
    [KubernetesFailure.ofStatus({ code: 404 }), /1\.21 or newer/],
    [KubernetesFailure.ofStatus({ code: 503 }), /asked again/],
  ])('has one for each kind', (failure, remedy) => {
    expect(remedyFor(failure, SUBJECT)).toMatch(remedy);
  });

  it('names the group of pods as manifests write it', () => {
    const failure = KubernetesFailure.ofStatus({ code: 403 });
    expect(remedyFor(failure, { ...SUBJECT, resource: 'pods' })).toContain('apiGroups [""], resources [pods]');
  });
});
