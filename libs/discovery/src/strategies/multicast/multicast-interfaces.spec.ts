import { describe, expect, it } from '@jest/globals';
import { chooseInterfaces, type LocalAddress, MAX_INTERFACES } from './multicast-interfaces.js';

const v4 = (address: string, internal = false): LocalAddress => ({ address, family: 'IPv4', internal });
const v6 = (address: string, scopeid = 0, internal = false): LocalAddress => ({
  address,
  family: 'IPv6',
  internal,
  scopeid,
});

const lo = [v4('127.0.0.1', true), v6('::1', 0, true)];
const all = {
  lo,
  eth0: [v4('10.0.3.7'), v4('10.0.4.7'), v6('fd00::7'), v6('fe80::7', 2)],
  eth1: [v6('fe80::8', 3)],
  down: undefined,
};

const chosen = (...args: [Parameters<typeof chooseInterfaces>[0], 'IPv4' | 'IPv6', string?, boolean?]): unknown => {
  const [interfaces, family, wanted, isWindows = false] = args;
  const { interfaces: found, problem } = chooseInterfaces(interfaces, family, wanted, isWindows);
  return problem ?? found.map(({ name, handle }) => `${name} ${handle}`);
};

describe('chooseInterfaces', () => {
  it('takes every interface of the family but loopback', () => {
    expect(chosen(all, 'IPv4')).toEqual(['eth0 10.0.3.7']);
    expect(chosen(all, 'IPv6')).toEqual(['eth0 ::%eth0', 'eth1 ::%eth1']);
    expect(chosen(all, 'IPv6', undefined, true)).toEqual(['eth0 ::%2', 'eth1 ::%3']);
  });

  it('takes loopback if there is nothing else, or if it is wanted', () => {
    expect(chosen({ lo }, 'IPv4')).toEqual(['lo 127.0.0.1']);
    expect(chosen(all, 'IPv4', '127.0.0.1')).toEqual(['lo 127.0.0.1']);
    expect(chosen(all, 'IPv6', 'lo')).toEqual(['lo ::%lo']);
  });

  it('takes the one that is wanted, by its name or an address', () => {
    for (const wanted of ['eth0', '10.0.4.7', 'FD00:0::7', 'fe80::7%eth0']) {
      expect(chosen(all, 'IPv4', wanted)).toEqual(['eth0 10.0.3.7']);
    }
  });

  it('says why there is none', () => {
    expect(chosen(all, 'IPv4', 'eth1')).toBe(
      'no interface eth1 with IPv4 is up: bring it up, or choose another one (up are: lo, eth0, eth1, down)',
    );
    expect(chosen({}, 'IPv6')).toMatch(/^no interface has an address of IPv6: .*\(up are: none\)$/);
  });

  it('takes so many at most, and names the others', () => {
    const many = Object.fromEntries(Array.from({ length: 18 }, (_, i) => [`eth${i}`, [v4(`10.0.${i}.1`)]]));
    const { interfaces, leftOut } = chooseInterfaces(many, 'IPv4', undefined, false);
    expect(interfaces).toHaveLength(MAX_INTERFACES);
    expect(leftOut).toEqual(['eth16', 'eth17']);
  });
});
