import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '@rookery/runtime';
import { DnsAnswers } from './dns-answers.js';
import type { LookupAnswer } from './dns-lookup.js';

const SERVERS = ['10.0.0.53'];
const found = (...hosts: string[]): LookupAnswer => ({
  addresses: hosts.map((host) => ({ host, port: 1 })),
  failures: [],
});
const failed = (question: string, code = 'ESERVFAIL'): LookupAnswer => ({
  addresses: [],
  failures: [{ question, error: Object.assign(new Error(code), { code }) }],
});
const merge = (answers: DnsAnswers, byName: Record<string, LookupAnswer>): string[] =>
  answers.merge(new Map(Object.entries(byName)), SERVERS).map(({ host }) => host);

describe('DnsAnswers', () => {
  it('merges what all names answered', () => {
    expect(merge(new DnsAnswers(), { a: found('1', '2'), b: found(), c: found('3') })).toEqual(['1', '2', '3']);
  });

  it('keeps the last answer of a name that fails while another answers', () => {
    const answers = new DnsAnswers();
    merge(answers, { a: found('1'), b: found('2') });
    expect(merge(answers, { a: failed('A a'), b: found('3') })).toEqual(['1', '3']);
    expect(merge(answers, { a: found(), b: failed('A b') })).toEqual(['3']);
  });

  it('says once that nobody is listed under a name, and once that somebody is again', () => {
    const answers = new DnsAnswers();
    const lines: string[] = [];
    const note = (message: string): void => void lines.push(message.slice(0, 40));
    answers.logger = { ...silentLogger, warn: note, info: note };
    for (const answer of [found(), found(), found('1'), found('2'), found(), found()]) merge(answers, { app: answer });
    const nobody = "DNS lists nobody under 'app': the name has no A or AAAA records".slice(0, 40);
    expect(lines).toEqual([nobody, "DNS lists somebody under 'app' now.", nobody]);
  });

  it('explains what the last answer lacks, and nothing once it lacks nothing', () => {
    const answers = new DnsAnswers('SRV', 'Look at the service.');
    expect(answers.explain()).toBeUndefined();
    merge(answers, { app: { ...found(), isUnknownName: true }, api: found() });
    expect(answers.explain()).toMatch(
      /under 'app': the name does not exist \(NXDOMAIN\)\..*Look at the service\. .*under 'api': the name has no SRV records/,
    );
    merge(answers, { app: found('1'), api: { ...found('2'), failures: failed('AAAA api').failures } });
    expect(answers.explain()).toBe('DNS answered in part: no answer to AAAA api (ESERVFAIL) from 10.0.0.53.');
    merge(answers, { app: found('1'), api: found('2') });
    expect(answers.explain()).toBeUndefined();
  });

  it('goes on without a name that has failed from the start', () => {
    expect(merge(new DnsAnswers(), { a: failed('A a'), b: found('1') })).toEqual(['1']);
  });

  it('does not know when no name answers, whatever it knew before', () => {
    const answers = new DnsAnswers();
    merge(answers, { a: found('1'), b: found('2') });
    expect(() => merge(answers, { a: failed('A a'), b: failed('A b', 'ETIMEOUT') })).toThrow(
      expect.objectContaining({
        code: 'DISCOVERY_LOOKUP_FAILED',
        message: expect.stringContaining(
          'behind a, b is unknown: no answer to A a (ESERVFAIL), A b (ETIMEOUT) from 10.0.0.53',
        ),
        cause: expect.objectContaining({ errors: [expect.anything(), expect.anything()] }),
      }),
    );
  });

  it('logs a partial failure once, and again when it returns', () => {
    const warnings: string[] = [];
    const answers = new DnsAnswers();
    answers.logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
    const partly = { a: found('1'), b: failed('A b') };
    merge(answers, partly);
    merge(answers, partly);
    expect(warnings).toEqual([expect.stringContaining('no answer to A b (ESERVFAIL)')]);
    merge(answers, { a: found('1'), b: found('2') });
    merge(answers, partly);
    expect(warnings).toHaveLength(2);
  });

  it('spells out a few failures and counts the others', () => {
    const failures = Array.from({ length: 6 }, (_, index) => failed(`A t${index}`).failures).flat();
    expect(() => merge(new DnsAnswers(), { a: { addresses: [], failures } })).toThrow(
      /A t3 \(ESERVFAIL\), 2 more from/,
    );
  });
});
