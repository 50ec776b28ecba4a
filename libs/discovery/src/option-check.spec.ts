import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  checkOptions,
  closest,
  dnsNameRule,
  hostRule,
  integerRule,
  listRule,
  oneOrMoreRule,
  optionalRule,
  portRule,
  unknownKeys,
} from './option-check.js';

const NAMES = ['hostname', 'port', 'pollIntervalMs', 'servers', 'timeoutMs', 'type'];

describe('closest', () => {
  it.each([
    ['prot', 'port'],
    ['hostnme', 'hostname'],
    ['pollInterval', 'pollIntervalMs'],
    ['pollintervalms', 'pollIntervalMs'],
    ['interval', 'pollIntervalMs'],
    ['host', 'hostname'],
    ['server', 'servers'],
    ['timeout', 'timeoutMs'],
    ['Type', 'type'],
  ])('takes %s for %s', (name, expected) => {
    expect(closest(name, NAMES)).toBe(expected);
  });

  it.each(['cookie', 'x', '', 'ms', 'a'.repeat(10_000)])('has no idea about %j', (name) => {
    expect(closest(name, NAMES)).toBeUndefined();
  });

  it('prefers the nearest, whatever the order, and the first of equals', () => {
    expect(closest('timeoutM', ['timeouts2', 'timeoutMs'])).toBe('timeoutMs');
    expect(closest('timeoutM', ['timeoutMs', 'timeouts2'])).toBe('timeoutMs');
    expect(closest('prt', ['part', 'port'])).toBe('part');
  });

  it('recognises every name with two neighbours swapped', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NAMES), fc.nat(), (name, seed) => {
        const at = seed % (name.length - 1);
        const swapped = name.slice(0, at) + name[at + 1] + name[at] + name.slice(at + 2);
        expect(closest(swapped, NAMES)).toBe(name);
      }),
    );
  });
});

describe('unknownKeys', () => {
  it('names each unknown key and the option probably meant', () => {
    expect(unknownKeys({ port: 1, prot: 2, zzz: undefined }, ['port', 'host'])).toEqual([
      'prot is not an option, did you mean port?',
      'zzz is not an option; the options are port, host',
    ]);
  });

  it('says where they stand', () => {
    expect(unknownKeys({ idle: 1 }, ['idleMs'], 'limits')).toEqual([
      'limits.idle is not an option, did you mean idleMs?',
    ]);
  });

  it('looks at own keys only, and allows nothing by inheritance', () => {
    expect(unknownKeys(Object.create({ prot: 1 }), ['port'])).toEqual([]);
    expect(unknownKeys(JSON.parse('{"__proto__": 1, "constructor": 2}'), ['port'])).toHaveLength(2);
  });
});

describe('checkOptions', () => {
  const rules = { host: hostRule, port: portRule, everyMs: optionalRule(integerRule(1, 9)) };

  it('finds nothing wrong with good options', () => {
    expect(checkOptions({ host: 'a', port: 1 }, rules)).toEqual([]);
    expect(checkOptions({ host: 'a', port: 1, everyMs: undefined }, rules)).toEqual([]);
  });

  it('names all problems at once', () => {
    expect(checkOptions({ port: '80', everyMs: 10, hots: 'a' }, rules, 'peers[0]')).toEqual([
      'peers[0].hots is not an option, did you mean host?',
      'peers[0].host is missing, give an IP address or a host name',
      "peers[0].port must be an integer from 1 to 65535, got '80'",
      'peers[0].everyMs must be an integer from 1 to 9, got 10',
    ]);
  });

  it.each([undefined, null, 'x', ['a'], 7])('wants an object, not %j', (options) => {
    expect(checkOptions(options, rules)).toEqual([
      expect.stringMatching(/^options (must be|is missing, give) an object/),
    ]);
  });

  it('quotes a value without its length or its control characters', () => {
    const [problem] = checkOptions({ host: `a\n${'b'.repeat(1_000)}`, port: 1 }, rules);
    expect(problem!.length).toBeLessThan(200);
    expect(problem).not.toContain('\n');
  });
});

describe('the rules', () => {
  it.each([
    'app',
    'app.internal',
    'app.internal.',
    '10.0.0.1',
    '::1',
    '[::1]',
    'fe80::1%eth0',
    'app_1.test',
    'bücher.test',
  ])('accept the host %s', (host) => expect(hostRule(host)).toBeUndefined());

  it.each([
    '',
    ' ',
    'a b',
    'http://a',
    'a/b',
    'a..b',
    '.a',
    'a@b',
    'a\0b',
    'a\u009bb',
    'a\uFFFDb',
    'x'.repeat(64),
    `${'a.'.repeat(130)}a`,
    7,
    null,
    {},
  ])('refuse the host %j', (host) => expect(hostRule(host)).toMatch(/^must be an IP address or a host name, got/));

  it('say what is wrong with a host that can only be listened on, or has a port', () => {
    expect(hostRule('0.0.0.0')).toMatch(/0\.0\.0\.0 is for listening only/);
    expect(hostRule('[::]')).toMatch(/:: is for listening only/);
    expect(hostRule('app:4370')).toMatch(/without a port, got 'app:4370'; give the port as port/);
  });

  it('want a name where an address is of no use', () => {
    expect(dnsNameRule('10.0.0.1')).toMatch(/for the fixed address 10\.0\.0\.1 use staticPeers\(\)/);
    expect(dnsNameRule('_rookery._tcp.app.test')).toBeUndefined();
    expect(dnsNameRule('app:4370')).toMatch(/without a port/);
    expect(dnsNameRule(undefined)).toBe('is missing, give a DNS name');
  });

  it.each([0, 65_536, 1.5, Number.NaN, '80', undefined, true])('refuse the port %p', (port) => {
    expect(portRule(port)).toMatch(/an integer from 1 to 65535/);
  });

  it('check every entry of a list, and how many there are', () => {
    const ports = listRule(portRule, 2);
    expect(ports([1, 2])).toBeUndefined();
    expect(ports([1, 0])).toMatch(/^\[1\] must be an integer/);
    expect(ports([])).toBe('must have 1 to 2 entries, got 0');
    expect(ports([1, 2, 3])).toBe('must have 1 to 2 entries, got 3');
    expect(ports(1)).toBe('must be an array, got 1');
    expect(oneOrMoreRule(portRule, 2)(1)).toBeUndefined();
    expect(oneOrMoreRule(portRule, 2)([1, 2])).toBeUndefined();
    expect(oneOrMoreRule(portRule, 2)([])).toMatch(/entries/);
  });
});
