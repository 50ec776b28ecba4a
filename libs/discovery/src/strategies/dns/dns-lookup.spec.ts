import { describe, expect, it } from '@jest/globals';
import type { SrvRecord } from 'node:dns';
import { type DnsQuestions, lookupAddresses, lookupService, MAX_SRV_TARGETS } from './dns-lookup.js';

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A name server whose every answer is a function of the name; what is not given does not exist. */
function dnsThat(answers: Partial<Record<keyof DnsQuestions, (name: string) => unknown>>): DnsQuestions {
  const answer = (type: keyof DnsQuestions) => async (name: string) => {
    const records = answers[type]?.(name) ?? failure('ENOTFOUND');
    if (records instanceof Error) throw records;
    return records as never;
  };
  const addresses = (type: 'resolve4' | 'resolve6') => async (name: string) =>
    ((await answer(type)(name)) as string[]).map((address) => ({ address, ttl: 30 }));
  return { resolve4: addresses('resolve4'), resolve6: addresses('resolve6'), resolveSrv: answer('resolveSrv') };
}

const record = (name: string, port: number, priority = 0): SrvRecord => ({ name, port, priority, weight: 0 });

describe('lookupAddresses', () => {
  it.each(['ENOTFOUND', 'ENODATA'])('takes %s for "nobody there"', async (code) => {
    const dns = dnsThat({ resolve4: () => failure(code), resolve6: () => failure(code) });
    expect(await lookupAddresses(dns, 'app.test', 1)).toMatchObject({ addresses: [], failures: [] });
  });

  it.each(['ESERVFAIL', 'EREFUSED', 'ECONNREFUSED', 'ETIMEOUT', 'ECANCELLED'])(
    'takes %s for a failure',
    async (code) => {
      const error = failure(code);
      const dns = dnsThat({ resolve4: () => ['10.0.0.1'], resolve6: () => error });
      expect(await lookupAddresses(dns, 'app.test', 1)).toMatchObject({
        addresses: [{ host: '10.0.0.1', port: 1 }],
        failures: [{ question: 'AAAA app.test', error }],
      });
    },
  );
});

describe('lookupService', () => {
  it('asks for each pair of target and port once', async () => {
    const asked: string[] = [];
    const dns = dnsThat({
      resolveSrv: () => [record('a.test', 1), record('A.test', 1, 5), record('a.test', 2)],
      resolve4: (name) => (asked.push(name), ['10.0.0.1']),
    });
    const { addresses } = await lookupService(dns, 'app.test');
    expect(addresses).toEqual(
      [
        { host: '10.0.0.1', port: 2 },
        { host: '10.0.0.1', port: 1 },
      ].sort((a, b) => a.port - b.port),
    );
    expect(asked).toHaveLength(2);
  });

  it('understands the root as "no such service"', async () => {
    const dns = dnsThat({ resolveSrv: () => [record('', 1), record('.', 1)] });
    expect(await lookupService(dns, 'app.test')).toMatchObject({ addresses: [], failures: [] });
  });

  it('needs no lookup for a target that is an address', async () => {
    const dns = dnsThat({ resolveSrv: () => [record('10.0.0.1', 7)], resolve4: () => failure('ESERVFAIL') });
    expect(await lookupService(dns, 'app.test')).toMatchObject({
      addresses: [{ host: '10.0.0.1', port: 7 }],
      failures: [],
    });
  });

  it('looks up the preferred targets when there are too many, and reports the rest', async () => {
    const records = Array.from({ length: MAX_SRV_TARGETS + 10 }, (_, index) =>
      record(`t${index}.test`, 1, index < 10 ? 9 : 1),
    );
    const dns = dnsThat({ resolveSrv: () => records, resolve4: (name) => [name] });
    const { addresses, failures } = await lookupService(dns, 'app.test');
    expect(addresses).toHaveLength(MAX_SRV_TARGETS);
    expect(addresses.some(({ host }) => host === 't0.test')).toBe(false);
    expect(failures).toEqual([
      { question: 'SRV app.test', error: expect.objectContaining({ message: expect.stringContaining('266 targets') }) },
    ]);
  });

  it('has no more than 64 questions under way', async () => {
    let underWay = 0;
    let most = 0;
    const slowly = async (): Promise<readonly never[]> => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      return [];
    };
    const records = Array.from({ length: 200 }, (_, index) => record(`t${index}.test`, 1));
    const dns: DnsQuestions = { resolve4: slowly, resolve6: slowly, resolveSrv: async () => records };
    await lookupService(dns, 'app.test');
    expect(most).toBe(64);
  });
});
