import { describe, expect, it } from '@jest/globals';
import { compareNames, nextName, replicaEnvironment, wantedPort } from './replica-plan.js';

describe('nextName', () => {
  it('takes the first number that is free', () => {
    expect(nextName('api', [])).toBe('api-1');
    expect(nextName('api', ['api-1', 'landing-2', 'api-3'])).toBe('api-2');
    expect(nextName('landing', ['landing-1', 'landing-2'])).toBe('landing-3');
  });
});

describe('wantedPort', () => {
  it('counts up from the first port of the application', () => {
    expect(wantedPort('landing-1', { api: 3001, landing: 3011 })).toBe(3011);
    expect(wantedPort('api-12', { api: 3001, landing: 3011 })).toBe(3012);
  });

  it('leaves it to the system when told so, or when there is no such port', () => {
    expect(wantedPort('api-2', { api: 0, landing: 3011 })).toBe(0);
    expect(wantedPort('api-2', { api: 65_535, landing: 3011 })).toBe(0);
  });
});

describe('compareNames', () => {
  it('orders by application, then by number', () => {
    expect(['landing-10', 'landing-9', 'api-2'].sort(compareNames)).toEqual(['api-2', 'landing-9', 'landing-10']);
  });
});

describe('replicaEnvironment', () => {
  it('tells a replica who it is, and keeps what the playground was given', () => {
    const common = { inherited: { PATH: '/bin' }, cluster: 'c', cookie: 'k', flagsFile: '/f' };
    expect(replicaEnvironment('api-1', 7, common)).toMatchObject({
      PATH: '/bin',
      HTTP_HOST: '127.0.0.1',
      HTTP_PORT: '7',
      NODE_NAME: 'api-1',
      CLUSTER_NAME: 'c',
      FLAGS_FILE: '/f',
    });
  });
});
