import { expect, it } from '@jest/globals';
import { describeRedisFailure } from './redis-failure.js';

it.each([
  ['NOAUTH Authentication required.', undefined, 'give the right user and password'],
  ['WRONGPASS invalid username-password pair', undefined, 'give the right user and password'],
  ['NOPERM this user has no permissions', undefined, 'permit the keys of the prefix'],
  ["READONLY You can't write against a read only replica.", undefined, 'give the address of the primary'],
  ['OOM command not allowed', undefined, 'make room'],
  ['MOVED 3999 127.0.0.1:6381', undefined, 'give a Cluster of ioredis as client'],
  ['WRONGTYPE Operation against a key', undefined, 'choose another prefix'],
  ['connect ECONNREFUSED 127.0.0.1:6379', 'ECONNREFUSED', 'nobody listens there'],
  ['getaddrinfo ENOTFOUND cache', 'ENOTFOUND', 'its name cannot be resolved'],
  ['connect ETIMEDOUT', 'ETIMEDOUT', 'it cannot be reached'],
  ["Stream isn't writeable and enableOfflineQueue options is false", undefined, 'look whether Redis listens there'],
  ['something else', undefined, 'something else'],
])('describes %s', (message, code, text) => {
  expect(describeRedisFailure(Object.assign(new Error(message), { code }))).toContain(text);
});

it('bears what is no error', () => {
  expect(describeRedisFailure(undefined)).toBe('undefined');
});
