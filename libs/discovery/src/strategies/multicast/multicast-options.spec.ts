import { describe, expect, it } from '@jest/globals';
import { type MulticastOptions, resolveMulticastOptions } from './multicast-options.js';

describe('resolveMulticastOptions', () => {
  it('fills in what is left out', () => {
    expect(resolveMulticastOptions()).toEqual({
      family: 'IPv4',
      group: '239.255.67.70',
      port: 4370,
      interface: undefined,
      ttl: 1,
      pollIntervalMs: 5_000,
    });
    expect(resolveMulticastOptions({ family: 'IPv6' }).group).toBe('ff02::1:6770');
    expect(resolveMulticastOptions({ group: '[FF05:0::1]' })).toMatchObject({ family: 'IPv6', group: 'ff05::1' });
  });

  it.each([
    [{ group: '10.0.0.1' }, 'group must be a multicast address'],
    [{ group: 'ff02::1%eth0' }, 'group must be a multicast address'],
    [{ group: 'fe80::1' }, 'group must be a multicast address'],
    [{ group: '239.0.0.1', family: 'IPv6' }, 'group 239.0.0.1 is of IPv4, while family is IPv6'],
    [{ family: 4 }, "family must be 'IPv4' or 'IPv6', got 4"],
    [{ ttl: 0 }, 'ttl must be an integer from 1 to 255'],
    [{ intreface: 'eth0' }, 'intreface is not an option, did you mean interface?'],
    [{ interface: '' }, 'interface must be the name or an address of an interface'],
    [null, 'options must be an object'],
  ])('refuses %j', (options, problem) => {
    expect(() => resolveMulticastOptions(options as MulticastOptions)).toThrow(problem);
  });
});
