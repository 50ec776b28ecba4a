import { describe, expect, it } from '@jest/globals';
import { staticPeers } from './static-peers.js';

const signal = new AbortController().signal;

describe('staticPeers()', () => {
  it('answers with the list it was given, each address once', async () => {
    const peers = [
      { host: 'app-1.internal', port: 4370 },
      { host: '::ffff:10.0.3.7', port: 4370 },
      { host: '10.0.3.7', port: 4370 },
    ];
    const strategy = staticPeers(peers);
    peers.pop();
    peers[0]!.port = 1;
    expect(strategy.name).toBe('static');
    expect(await strategy.discover(signal)).toEqual([
      { host: '10.0.3.7', port: 4370 },
      { host: 'app-1.internal', port: 4370 },
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
