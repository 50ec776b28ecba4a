import { describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { candidateNames, machineSearchDomains, parseSearchDomains } from './dns-search.js';

describe('parseSearchDomains', () => {
  it('takes the last line of its kind, without comments, dots at the ends and what is no domain', () => {
    const text = `
# made by somebody
search old.example
nameserver 10.96.0.10
search\tshop.svc.cluster.local. svc.cluster.local  .  cluster.local ; the rest is a comment
options ndots:5`;
    expect(parseSearchDomains(text)).toEqual(['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']);
    expect(parseSearchDomains('domain corp.example and more')).toEqual(['corp.example']);
    expect(parseSearchDomains('nameserver 1.1.1.1\nsearch\n')).toEqual([]);
  });

  it('takes no more than 32', () => {
    expect(parseSearchDomains(`search ${Array.from({ length: 100 }, (_, i) => `d${i}`).join(' ')}`)).toHaveLength(32);
  });
});

it('a name is asked for as it is written first, and alone if it ends in a dot', () => {
  expect(candidateNames('app', ['a.test', 'test'])).toEqual(['app', 'app.a.test', 'app.test']);
  expect(candidateNames('app.test.', ['a.test'])).toEqual(['app.test.']);
});

it('the domains of the machine are read anew each time, and none are where there is no such file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'rookery-search-'));
  const file = join(folder, 'resolv.conf');
  try {
    expect(await machineSearchDomains(file)).toEqual([]);
    await writeFile(file, 'search one.test');
    expect(await machineSearchDomains(file)).toEqual(['one.test']);
    await writeFile(file, 'search two.test');
    expect(await machineSearchDomains(file)).toEqual(['two.test']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
