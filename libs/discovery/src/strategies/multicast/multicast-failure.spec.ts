import { expect, it } from '@jest/globals';
import { describeSocketFailure } from './multicast-failure.js';

it.each([
  ['EADDRINUSE', 'UDP port 4370 is taken by a program that does not share it'],
  ['EACCES', 'look at firewall rules'],
  ['ENODEV', 'the interface is gone'],
  ['ENETUNREACH', 'no route leads to the group'],
  ['ENOBUFS', 'it is tried again'],
  ['EMFILE', 'raise the limit of this process'],
  ['EWHATEVER', 'what the system says'],
])('describes %s', (code, text) => {
  expect(describeSocketFailure(Object.assign(new Error('what the system says'), { code }), 4370)).toContain(text);
});
