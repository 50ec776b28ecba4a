import { describe, expect, it } from '@jest/globals';
import type { Replica } from '../fleet/replica.js';
import { chooseApi, readFlagRequest } from './flag-request.js';

const replica = (name: string, state: Replica['state'] = 'up'): Replica => ({
  name,
  app: name.startsWith('api') ? 'api' : 'landing',
  state,
  pid: 1,
  url: 'http://127.0.0.1:1',
  end: '',
});

describe('readFlagRequest', () => {
  it('takes a change with or without the rest', () => {
    expect(readFlagRequest('a', { enabled: true })).toEqual({ key: 'a', enabled: true });
    expect(readFlagRequest('a', { enabled: false, description: '', via: 'api-1', other: 1 })).toEqual({
      key: 'a',
      enabled: false,
      description: '',
      via: 'api-1',
    });
  });

  it.each(['', '..', 'A', 'a/b', 'a?b', '-a', 'a'.repeat(65)])('lets no key like %j into an address', (key) => {
    expect(() => readFlagRequest(key, { enabled: true })).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });

  it.each([undefined, null, {}, [], { enabled: 'yes' }, { enabled: true, via: 1 }, { enabled: true, description: {} }])(
    'refuses %j',
    (body) => {
      expect(() => readFlagRequest('a', body)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    },
  );
});

describe('chooseApi', () => {
  const replicas = [replica('api-1'), replica('api-2', 'dead'), replica('api-3'), replica('landing-1')];

  it('takes those that are up in turn', () => {
    expect([0, 1, 2].map((turn) => chooseApi(replicas, undefined, turn).name)).toEqual(['api-1', 'api-3', 'api-1']);
  });

  it('takes the one that is named, if it can', () => {
    expect(chooseApi(replicas, 'api-3', 0).name).toBe('api-3');
    for (const name of ['api-2', 'landing-1', 'api-9']) {
      expect(() => chooseApi(replicas, name, 0)).toThrow(expect.objectContaining({ code: 'WRONG_STATE' }));
    }
  });

  it('says so when there is none', () => {
    expect(() => chooseApi([replica('landing-1')], undefined, 0)).toThrow(/No api is up/);
  });
});
