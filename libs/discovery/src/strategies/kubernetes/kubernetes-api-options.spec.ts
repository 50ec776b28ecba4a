import { describe, expect, it } from '@jest/globals';
import { DiscoveryOptionsError } from '../../errors.js';
import {
  DEFAULT_KUBERNETES_API_OPTIONS,
  type KubernetesApiOptions,
  type PodEnvironment,
  resolveKubernetesApiOptions,
} from './kubernetes-api-options.js';

const IN_POD: PodEnvironment = { host: '10.96.0.1', port: '443' };
const OUTSIDE: PodEnvironment = { host: undefined, port: undefined };
const MINIMAL = { service: 'app', port: 4370, namespace: 'shop' };

const problemsOf = (options: unknown, environment = IN_POD): readonly string[] => {
  try {
    resolveKubernetesApiOptions(options as KubernetesApiOptions, environment);
  } catch (error) {
    return (error as DiscoveryOptionsError).problems;
  }
  return [];
};

describe('resolveKubernetesApiOptions', () => {
  it('fills in what a pod is told', () => {
    const { namespaceFile: _, ...defaults } = DEFAULT_KUBERNETES_API_OPTIONS;
    const resolved = resolveKubernetesApiOptions(MINIMAL, IN_POD);
    expect(resolved).toMatchObject(defaults);
    expect(resolved.server.href).toBe('https://10.96.0.1/');
    expect(resolved).toMatchObject({
      resource: 'endpointslices',
      path: '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices',
      labelSelector: 'kubernetes.io/service-name=app',
      what: "service 'app'",
    });
  });

  it.each([
    [{ host: 'fd00::1', port: '6443' }, 'https://[fd00::1]:6443'],
    [{ host: '10.96.0.1', port: undefined }, 'https://10.96.0.1'],
    [{ host: 'api.internal', port: '8443' }, 'https://api.internal:8443'],
  ])('makes a URL of %j', (environment, origin) => {
    expect(resolveKubernetesApiOptions(MINIMAL, environment).server.origin).toBe(origin);
  });

  it('asks for several services at once, in one order', () => {
    const service = ['landing', 'api', 'landing'];
    expect(resolveKubernetesApiOptions({ ...MINIMAL, service }, IN_POD)).toMatchObject({
      labelSelector: 'kubernetes.io/service-name in (api,landing)',
      what: "services 'api', 'landing'",
    });
  });

  it('asks for pods by their labels', () => {
    const options = { selector: 'app=shop,tier in (api, web)', port: 'rookery', namespace: 'shop' };
    expect(resolveKubernetesApiOptions(options, IN_POD)).toMatchObject({
      resource: 'pods',
      path: '/api/v1/namespaces/shop/pods',
      labelSelector: 'app=shop,tier in (api, web)',
    });
  });

  it('names every problem at once', () => {
    const options = { services: 'app', port: 0, includeNotReady: 'no', staleAfterMs: 1, timeoutMs: 0, tokenFile: '' };
    expect(problemsOf({ ...options, namespaceFile: '/nowhere/namespace' }, OUTSIDE)).toEqual([
      'services is not an option, did you mean service?',
      'port must be an integer from 1 to 65535, or the name of a port of the service, got 0',
      "includeNotReady must be true or false, got 'no'",
      'staleAfterMs must be an integer from 1000 to 600000, got 1',
      'timeoutMs must be an integer from 100 to 60000, got 0',
      "tokenFile must be a path, got ''",
      'service is missing, or give selector',
      expect.stringMatching(/^namespace is not given, and \/nowhere\/namespace cannot be read \(ENOENT\)/),
      'server is not given, and KUBERNETES_SERVICE_HOST names none; give server, or run in a pod',
    ]);
  });

  it('wants a service or a selector, not both', () => {
    expect(problemsOf({ ...MINIMAL, selector: 'app=shop' })).toEqual([
      expect.stringMatching(/^selector cannot be given beside service/),
    ]);
  });

  it.each(['http://10.96.0.1', 'ftp://x', '10.96.0.1', '', 'https://user:secret@10.96.0.1', 'https://x/?a=b', 7])(
    'refuses the server %j, and repeats no secret',
    (server) => {
      const [problem, ...others] = problemsOf({ ...MINIMAL, server });
      expect(problem).toMatch(/^server must be a URL that begins with https:\/\//);
      expect(problem).not.toContain('secret');
      expect(others).toEqual([]);
    },
  );

  it.each(['', ' ', 'app=shop&limit=1', 'app=ü', 'x'.repeat(1_001), 5])('refuses the selector %j', (selector) => {
    expect(problemsOf({ selector, port: 1, namespace: 'shop' })).toEqual([expect.stringMatching(/^selector must be/)]);
  });

  it.each([undefined, null, 'app', []])('refuses %j for options', (options) => {
    expect(problemsOf(options)[0]).toMatch(/^options /);
  });

  it('says who refuses', () => {
    expect(() => resolveKubernetesApiOptions({ ...MINIMAL, port: -1 }, IN_POD)).toThrow(DiscoveryOptionsError);
    expect(() => resolveKubernetesApiOptions({ ...MINIMAL, port: -1 }, IN_POD)).toThrow(
      /^kubernetesApi\(\): port must/,
    );
  });
});
