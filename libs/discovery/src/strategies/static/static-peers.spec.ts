import { describe, expect, it } from '@jest/globals';
import { staticPeers, staticPeersResolvedBy } from './static-peers.js';
import { silentLogger, systemRandom } from '@rookery/runtime';
import { ManualClock, settle } from '@rookery/testing';

const signal = new AbortController().signal;

describe('staticPeers()', () => {
  it('answers with the list it was given, each address once', async () => {
    const peers = [
      { host: '10.0.3.8', port: 4370 },
      { host: '::ffff:10.0.3.7', port: 4370 },
      { host: '10.0.3.7', port: 4370 },
    ];
    const strategy = staticPeers(peers);
    peers.pop();
    peers[0]!.port = 1;
    expect(strategy.name).toBe('static');
    expect(await strategy.discover(signal)).toEqual([
      { host: '10.0.3.7', port: 4370 },
      { host: '10.0.3.8', port: 4370 },
    ]);
  });

  it('may be given nobody', async () => {
    expect(await staticPeers([]).discover(signal)).toEqual([]);
  });

  it('names every address that cannot be dialled, at once', () => {
    const peers = [
      { host: 'app-1', port: 4370 },
      { host: '0.0.0.0', port: 0 },
      { hots: 'app-2', port: 4370 },
      'app-3:4370',
    ];
    expect(() => staticPeers(peers as never)).toThrow(
      expect.objectContaining({
        code: 'DISCOVERY_INVALID_OPTIONS',
        problems: [
          'peers[1].host must be an IP address or a host name that can be dialled; 0.0.0.0 is for listening only',
          'peers[1].port must be an integer from 1 to 65535, got 0',
          'peers[2].hots is not an option, did you mean host?',
          'peers[2].host is missing, give an IP address or a host name',
          "peers[3] must be an object, got 'app-3:4370'",
        ],
      }),
    );
  });

  it.each([undefined, { host: 'a', port: 1 }])('wants an array, not %j', (peers) => {
    expect(() => staticPeers(peers as never)).toThrow(/staticPeers\(\): peers .*an array of \{ host, port \}/);
  });
});

describe('staticPeers() with names', () => {
  const peers = ['app-1', 'app-2', 'app-3'].map((host) => ({ host, port: 4370 }));
  const at = (...hosts: string[]) => hosts.map((host) => ({ host, port: 4370 }));

  /** A resolver whose answers are set, and which is silent for a name without one. */
  function named(given: readonly { host: string; port: number }[] = peers) {
    const answers = new Map<string, string[] | Error>();
    const asked: string[] = [];
    const waiting = new Map<string, () => void>();
    const clock = new ManualClock();
    const logged: string[] = [];
    let changes = 0;
    const strategy = staticPeersResolvedBy(async (name) => {
      asked.push(name);
      while (!answers.has(name)) await new Promise<void>((resolve) => waiting.set(name, resolve));
      const answer = answers.get(name)!;
      if (answer instanceof Error) throw answer;
      return answer;
    }, given);
    const note = (line: string): void => void logged.push(line);
    const logger = { ...silentLogger, warn: note, info: note };
    void strategy.start?.({ clock, random: systemRandom, logger, changed: () => changes++ } as never);
    return {
      strategy,
      clock,
      asked,
      logged,
      changes: () => changes,
      hush: (name: string) => answers.delete(name),
      answer(name: string, answer: string[] | Error) {
        answers.set(name, answer);
        waiting.get(name)?.();
      },
    };
  }
  const failure = (code: string): Error => Object.assign(new Error(code), { code });

  it('lists every address of every name, and asks again at each poll', async () => {
    const { strategy, answer } = named();
    answer('app-1', ['10.0.0.1', 'fd00::1']);
    answer('app-2', ['10.0.0.1']);
    answer('app-3', []);
    expect(await strategy.discover(signal)).toEqual(at('10.0.0.1', 'fd00::1'));
    answer('app-2', ['10.0.0.2']);
    expect(await strategy.discover(signal)).toEqual(at('10.0.0.1', '10.0.0.2', 'fd00::1'));
  });

  it('keeps the addresses of a name that fails, says so once, and explains it', async () => {
    const { strategy, answer, logged } = named();
    for (const [index, { host }] of peers.entries()) answer(host, [`10.0.0.${index}`]);
    await strategy.discover(signal);
    answer('app-2', failure('EAI_AGAIN'));
    for (let poll = 0; poll < 3; poll++) expect(await strategy.discover(signal)).toHaveLength(3);
    expect(strategy.explain?.()).toMatch(/^These names cannot be resolved: app-2 \(EAI_AGAIN\)\..*hosts file/);
    answer('app-2', ['10.0.0.9']);
    expect(await strategy.discover(signal)).toEqual(at('10.0.0.0', '10.0.0.2', '10.0.0.9'));
    expect(strategy.explain?.()).toBeUndefined();
    expect(logged).toEqual(["Cannot resolve 'app-2' (EAI_AGAIN).", "'app-2' is resolved again."]);
  });

  it('does not know while no name has an address', async () => {
    const { strategy, answer } = named();
    for (const { host } of peers) answer(host, failure('ENOTFOUND'));
    await expect(strategy.discover(signal)).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
      message: expect.stringMatching(/app-1 \(ENOTFOUND\).*Check the names/),
    });
  });

  it('lists who is known after half a second, and asks for a poll when the rest is known', async () => {
    const { strategy, clock, answer, changes } = named();
    answer('app-1', ['10.0.0.1']);
    const discovered = strategy.discover(signal);
    await clock.advance(500);
    expect(await discovered).toEqual(at('10.0.0.1'));
    answer('app-2', ['10.0.0.2']);
    answer('app-3', ['10.0.0.3']);
    await settle();
    expect(changes()).toBe(1);
    expect(await strategy.discover(signal)).toHaveLength(3);
  });

  it('asks for no more polls when a slow name answers as before', async () => {
    const { strategy, clock, answer, hush, changes } = named(peers.slice(0, 1));
    answer('app-1', ['10.0.0.1']);
    await strategy.discover(signal);
    hush('app-1');
    const discovered = strategy.discover(signal);
    await clock.advance(500);
    expect(await discovered).toEqual(at('10.0.0.1'));
    answer('app-1', ['10.0.0.1']);
    await settle();
    expect([changes(), clock.pending]).toEqual([0, []]);
  });

  it('asks for two names at a time, and for none twice at once', async () => {
    const { strategy, asked } = named();
    const abort = new AbortController();
    const polls = [strategy.discover(abort.signal), strategy.discover(abort.signal)];
    await settle();
    expect(asked).toEqual(['app-1', 'app-2']);
    const reason = new Error('over');
    abort.abort(reason);
    for (const poll of polls) await expect(poll).rejects.toBe(reason);
  });

  it('lists an address that is written down after half a second, although no name was ever resolved', async () => {
    const { strategy, clock, answer, changes } = named([...peers, ...at('10.0.0.7')]);
    const discovered = strategy.discover(signal);
    await clock.advance(500);
    expect(await discovered).toEqual(at('10.0.0.7'));
    for (const { host } of peers) answer(host, ['10.0.0.8']);
    await settle();
    expect(changes()).toBe(1);
    expect(await strategy.discover(signal)).toEqual(at('10.0.0.7', '10.0.0.8'));
  });

  it('asks for a slow name once, however many polls have passed meanwhile', async () => {
    const { strategy, clock, answer, asked } = named([...peers, ...at('10.0.0.7')]);
    for (let poll = 0; poll < 50; poll++) {
      const discovered = strategy.discover(signal);
      await clock.advance(500);
      await discovered;
    }
    for (const { host } of peers) answer(host, failure('EAI_AGAIN'));
    await settle();
    expect([asked.length, new Set(asked).size]).toEqual([3, 3]);
  });

  it('asks for no further names once it is withdrawn', async () => {
    const { strategy, clock, answer, asked } = named([...peers, ...at('10.0.0.7')]);
    const discovered = strategy.discover(signal);
    await clock.advance(500);
    await discovered;
    await strategy.withdraw?.({} as never);
    for (const { host } of peers) answer(host, ['10.0.0.8']);
    await settle();
    expect(asked).toEqual(['app-1', 'app-2']);
  });
});
