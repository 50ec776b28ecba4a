import { describe, expect, it } from '@jest/globals';
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

describe('several strategies', () => {
  const at = (host: string): PeerAddress => ({ host, port: 4370 });

  function several(strategies: readonly DiscoveryStrategy[]) {
    const clock = new ManualClock();
    const listed: [string[], boolean][] = [];
    const changed: (() => void)[] = [];
    const loop = new DiscoveryLoop(
      strategies,
      (port) => {
        changed.push(port.changed);
        return { self: undefined, clock, random: systemRandom, logger: port.logger } as never;
      },
      clock,
      { ...systemRandom, next: () => 0.5 },
      silentLogger,
      { onListed: (addresses, isComplete) => listed.push([addresses.map(({ address }) => address.host), isComplete]) },
    );
    return { clock, listed, loop, changed };
  }

  it('are each asked at their own interval, and one that hangs, even at its start, holds up no other', async () => {
    let asked = 0;
    const quick: DiscoveryStrategy = {
      name: 'quick',
      pollIntervalMs: 100,
      discover: async () => [at(`10.0.0.${++asked}`)],
    };
    const never = (): Promise<never> => new Promise(() => undefined);
    const stuck: DiscoveryStrategy = { name: 'stuck', start: never, discover: never };
    const { clock, listed, loop, changed } = several([stuck, quick]);
    void loop.start();
    await clock.advance(1_000);
    expect(asked).toBe(11);
    expect(listed.at(-1)).toEqual([['10.0.0.11'], false]);
    changed[1]!();
    await clock.advance(20);
    expect(asked).toBe(12);
    // It did not start in time, and does not answer in time: only then was everybody asked once.
    expect(loop.hasFinishedRound).toBe(false);
    await clock.advance(20_000);
    expect([loop.hasFinishedRound, loop.unanswered]).toEqual([true, ['stuck']]);
    await Promise.all([loop.stop(), clock.advance(2_000)]);
  });

  it('make an answer complete only when each has answered since the last one that was', async () => {
    const quick: DiscoveryStrategy = { name: 'quick', pollIntervalMs: 100, discover: async () => [at('10.0.0.1')] };
    const slow: DiscoveryStrategy = { name: 'slow', pollIntervalMs: 1_000, discover: async () => [at('10.0.0.2')] };
    const { clock, listed, loop } = several([quick, slow]);
    void loop.start();
    await clock.advance(3_050);
    expect(listed.filter(([, isComplete]) => isComplete)).toHaveLength(4);
    expect(listed.length).toBeGreaterThan(30);
    expect(listed.slice(1).every(([hosts]) => hosts.length === 2)).toBe(true);
    await Promise.all([loop.stop(), clock.advance(2_000)]);
  });

  it('are told apart in the log of each by a field, and an error in explain() is one in words', async () => {
    const lines: unknown[] = [];
    const logger = { ...silentLogger, warn: (message: string, fields?: object) => void lines.push([message, fields]) };
    const noisy = (): DiscoveryStrategy => ({
      name: 'noisy',
      start: (context) => context.logger.warn('hello', { detail: 1 }),
      discover: async () => [],
      explain: () => {
        throw new Error('lost for words');
      },
    });
    const clock = new ManualClock();
    const loop = new DiscoveryLoop(
      [noisy(), noisy()],
      (port) => ({ self: undefined, clock, random: systemRandom, logger: port.logger }) as never,
      clock,
      systemRandom,
      logger,
      { onListed: () => undefined },
    );
    void loop.start();
    await settle();
    expect(lines).toEqual([
      ['hello', { strategy: 'noisy', detail: 1 }],
      ['hello', { strategy: 'noisy-2', detail: 1 }],
    ]);
    expect(loop.stats().map(({ note }) => note)).toEqual(Array(2).fill('explain() failed: lost for words'));
    await loop.stop();
  });
});
