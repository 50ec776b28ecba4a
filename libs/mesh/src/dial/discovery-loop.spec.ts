import { expect, it } from '@jest/globals';
import { type DiscoveryStrategy, type PeerAddress } from 'rookery/discovery';
import { silentLogger, systemRandom } from '@rookery/runtime';
import { ManualClock, settle } from '@rookery/testing';
import { DiscoveryLoop } from './discovery-loop.js';

const GOOD: PeerAddress = { host: '10.0.0.1', port: 4370 };

it('takes nobody for absent while an answer has an entry that cannot be used, or is cut', async () => {
  const clock = new ManualClock();
  const listed: [string[], boolean][] = [];
  const warnings: string[] = [];
  let answer: unknown[] = [];
  const strategy: DiscoveryStrategy = {
    name: 'custom',
    pollIntervalMs: 10,
    discover: () => Promise.resolve(answer as PeerAddress[]),
  };
  const loop = new DiscoveryLoop(
    [strategy],
    () => ({ self: undefined, clock, random: systemRandom, logger: silentLogger }) as never,
    clock,
    systemRandom,
    { ...silentLogger, warn: (message) => void warnings.push(message) },
    { onListed: (addresses, isComplete) => listed.push([addresses.map(({ address }) => address.host), isComplete]) },
  );
  const round = async (next: unknown[]): Promise<unknown> => {
    answer = next;
    await clock.advance(20);
    await settle();
    return [listed.at(-1), loop.unusable];
  };
  void loop.start();
  expect(await round([GOOD])).toEqual([[['10.0.0.1'], true], []]);
  expect(await round(['10.0.0.2:4370'])).toEqual([[[], false], [{ strategy: 'custom', entry: "'10.0.0.2:4370'" }]]);
  expect(await round([GOOD, { host: 'x\n', port: '5' }])).toEqual([
    [['10.0.0.1'], false],
    [{ strategy: 'custom', entry: "{ host: 'x\\n', port: '5' }" }],
  ]);
  expect(await round([GOOD])).toEqual([[['10.0.0.1'], true], []]);
  const crowd = Array.from({ length: 2_001 }, (_, i) => ({ host: `h${i}`, port: 1 }));
  expect(await round(crowd)).toEqual([
    [crowd.slice(0, 2_000).map(({ host }) => host), false],
    [{ strategy: 'custom', entry: 'more than 2000 addresses' }],
  ]);
  // Once until it is well, however often it is asked meanwhile.
  expect(warnings).toEqual([
    expect.stringMatching(/^Discovery custom answered with '10\.0\.0\.2:4370', which is not \{ host, port \}/),
    expect.stringMatching(/^Discovery custom answered with more than 2000 addresses/),
  ]);
  await loop.stop();
});
