import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { networkInterfaces } from 'node:os';
import {
  addressKey,
  type HostInterfaces,
  isLoopback,
  isThisHost,
  isUnspecified,
  normalizeHost,
  uniqueAddresses,
} from './address.js';

describe('normalizeHost', () => {
  it.each([
    ['App.Internal', 'app.internal'],
    ['app.internal.', 'app.internal.'],
    ['10.0.3.7', '10.0.3.7'],
    ['[::1]', '::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['::ffff:10.0.3.7', '10.0.3.7'],
    ['[::FFFF:0a00:0307]', '10.0.3.7'],
    ['::ffff:0:10.0.3.7', '::ffff:0:a00:307'],
    ['fe80::1%Eth0', 'fe80::1%Eth0'],
    ['::ffff:10.0.3.7%eth0', '10.0.3.7'],
    ['', ''],
    ['[app]', 'app'],
  ])('writes %s as %s', (host, expected) => {
    expect(normalizeHost(host)).toBe(expected);
  });

  it('changes nothing the second time', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.string());
    fc.assert(
      fc.property(host, (text) => {
        fc.pre(!text.startsWith('['));
        expect(normalizeHost(normalizeHost(text))).toBe(normalizeHost(text));
      }),
    );
  });

  it('gives every spelling of an IPv6 address the same form', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(groups, (numbers) => {
        const short = numbers.map((number) => number.toString(16)).join(':');
        const padded = numbers.map((number) => number.toString(16).padStart(4, '0').toUpperCase()).join(':');
        expect(normalizeHost(padded)).toBe(normalizeHost(short));
        expect(normalizeHost(`[${new URL(`http://[${short}]`).hostname.slice(1, -1)}]`)).toBe(normalizeHost(short));
      }),
    );
  });
});

describe('addressKey', () => {
  it.each([
    [{ host: '::FFFF:10.0.3.7', port: 4370 }, '10.0.3.7:4370'],
    [{ host: '0:0:0:0:0:0:0:1', port: 4370 }, '[::1]:4370'],
    [{ host: 'fe80::1%eth0', port: 1 }, '[fe80::1%eth0]:1'],
    [{ host: 'API-2', port: 80 }, 'api-2:80'],
  ])('writes %j as %s', (address, expected) => {
    expect(addressKey(address)).toBe(expected);
  });

  it('tells different addresses apart', () => {
    const address = fc.record({ host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), port: fc.nat(65_535) });
    fc.assert(
      fc.property(address, address, (a, b) => {
        const isSame = normalizeHost(a.host) === normalizeHost(b.host) && a.port === b.port;
        expect(addressKey(a) === addressKey(b)).toBe(isSame);
      }),
    );
  });
});

describe('uniqueAddresses', () => {
  it('gives each address once, in one spelling and order', () => {
    const addresses = [
      { host: 'b', port: 1 },
      { host: '::ffff:10.0.0.1', port: 1 },
      { host: 'B', port: 1 },
      { host: '10.0.0.1', port: 1 },
      { host: '10.0.0.1', port: 2 },
    ];
    const expected = [
      { host: '10.0.0.1', port: 1 },
      { host: '10.0.0.1', port: 2 },
      { host: 'b', port: 1 },
    ];
    expect(uniqueAddresses(addresses)).toEqual(expected);
    expect(uniqueAddresses(addresses.reverse())).toEqual(expected);
  });
});

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.8.9.10', '::1', '[::1]', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST', 'api.localhost'])(
    'knows %s',
    (host) => expect(isLoopback(host)).toBe(true),
  );

  it.each(['128.0.0.1', '0.0.0.0', '::', '::2', '127.evil.test', 'localhost.test', 'notlocalhost', ''])(
    'does not take %j for it',
    (host) => expect(isLoopback(host)).toBe(false),
  );
});

describe('isUnspecified', () => {
  it.each(['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'])('knows %s', (host) =>
    expect(isUnspecified(host)).toBe(true),
  );

  it.each(['0.0.0.1', '::1', '127.0.0.1', 'app', ''])('does not take %j for it', (host) =>
    expect(isUnspecified(host)).toBe(false),
  );
});

describe('isThisHost', () => {
  const interfaces: HostInterfaces = {
    lo: [{ address: '127.0.0.1' }, { address: '::1', scopeid: 0 }],
    eth0: [{ address: '10.0.3.7' }, { address: 'fe80::1', scopeid: 2 }, { address: '2001:db8::7', scopeid: 0 }],
    down: undefined,
  };

  it.each(['10.0.3.7', '::ffff:10.0.3.7', '[2001:DB8::7]', 'fe80::1', 'fe80::1%eth0', 'fe80::1%2', '::1', '127.1.1.1'])(
    'knows its own %s',
    (host) => expect(isThisHost(host, interfaces)).toBe(true),
  );

  it('takes an unspecified address for its own: dialling one arrives here', () => {
    expect(isThisHost('0.0.0.0', interfaces)).toBe(true);
  });

  it.each(['10.0.3.8', '2001:db8::8', 'fe80::1%eth1', 'fe80::1%3', 'api-2', ''])('does not claim %j', (host) =>
    expect(isThisHost(host, interfaces)).toBe(false),
  );

  it('reads what the operating system lists', () => {
    for (const { address } of Object.values(networkInterfaces()).flatMap((list) => list ?? [])) {
      expect(isThisHost(address, networkInterfaces())).toBe(true);
    }
    expect(isThisHost('192.0.2.1', networkInterfaces())).toBe(false);
  });
});
