import { expect, it } from '@jest/globals';
import { MulticastHearsay } from './multicast-hearsay.js';

it('tells what was heard lately, with the remedy, each once', () => {
  const hearsay = new MulticastHearsay(15_000);
  expect(hearsay.tell(0)).toEqual([]);
  for (const what of ['foreign', 'forged', 'forged', 'loopback'] as const) hearsay.note(what, 10);
  hearsay.note('malformed', 10_000);
  expect(hearsay.tell(10_010)).toEqual([
    expect.stringContaining('give every node the same cookie'),
    expect.stringContaining('have it listen on an address of the network'),
    expect.stringContaining('run releases that can be mixed'),
  ]);
  expect(hearsay.tell(20_000)).toEqual([expect.stringContaining('run releases')]);
  expect(hearsay.tell(60_000)).toEqual([]);
});
