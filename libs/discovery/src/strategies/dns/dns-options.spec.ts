import { describe, expect, it } from '@jest/globals';
import { type DnsOptions, resolveDnsOptions } from './dns-options.js';

const problemsOf = (options: unknown): readonly string[] => {
  try {
    resolveDnsOptions(options as DnsOptions);
  } catch (error) {
    return (error as { problems: readonly string[] }).problems;
  }
  return [];
};

describe('resolveDnsOptions', () => {
  it('fills in what was left out', () => {
    expect(resolveDnsOptions({ hostname: 'app.test', port: 4370 })).toEqual({
      hostnames: ['app.test'],
      pollIntervalMs: 5_000,
      servers: undefined,
      timeoutMs: 2_000,
      records: { type: 'A/AAAA', port: 4370 },
    });
  });

  it('keeps what was given, each name once', () => {
    const options = {
      hostname: ['a.test', 'b.test', 'a.test'],
      type: 'SRV',
      pollIntervalMs: 100,
      timeoutMs: 50,
    } as const;
    expect(resolveDnsOptions({ ...options, servers: ['10.0.0.53'] })).toEqual({
      hostnames: ['a.test', 'b.test'],
      pollIntervalMs: 100,
      servers: ['10.0.0.53'],
      searchDomains: [],
      timeoutMs: 50,
      records: { type: 'SRV', port: undefined },
    });
  });

  it('names every problem at once, with the option probably meant', () => {
    expect(problemsOf({ hostnme: 'app.test', prot: 1, pollInterval: 10, type: 'MX', timeoutMs: 0 })).toEqual([
      'hostnme is not an option, did you mean hostname?',
      'prot is not an option, did you mean port?',
      'pollInterval is not an option, did you mean pollIntervalMs?',
      'hostname is missing, give a DNS name',
      "type must be 'A/AAAA' or 'SRV', got 'MX'",
      'port is missing, give an integer from 1 to 65535',
      'timeoutMs must be an integer from 50 to 60000, got 0',
    ]);
  });

  it('is called by the name of its strategy', () => {
    expect(() => resolveDnsOptions(undefined as never)).toThrow('dns(): options is missing, give an object.');
  });

  it('needs a port unless the records bring theirs', () => {
    expect(problemsOf({ hostname: 'app.test' })).toHaveLength(1);
    expect(problemsOf({ hostname: 'app.test', type: 'SRV' })).toEqual([]);
    expect(problemsOf({ hostname: 'app.test', type: 'SRV', port: 0 })).toHaveLength(1);
  });

  it.each([['10.0.0.53'], ['10.0.0.53:5353'], ['fd00::53'], ['[fd00::53]'], ['[fd00::53]:5353']])(
    'accepts the name server %s',
    (server) => expect(problemsOf({ hostname: 'a', port: 1, servers: [server] })).toEqual([]),
  );

  it.each(['dns.test', '10.0.0', '10.0.0.53:0', '10.0.0.53:99999', '[10.0.0.53]', '[fd00::53]5353', '', 53, null])(
    'refuses the name server %j',
    (server) =>
      expect(problemsOf({ hostname: 'a', port: 1, servers: ['10.0.0.1', server] })).toEqual([
        expect.stringMatching(/^servers \[1\] must be an IP address, with or without a port/),
      ]),
  );

  it('wants at least one name and one server where there is a list', () => {
    expect(problemsOf({ hostname: [], port: 1, servers: [] })).toEqual([
      'hostname must have 1 to 16 entries, got 0',
      'servers must have 1 to 16 entries, got 0',
    ]);
  });
});
