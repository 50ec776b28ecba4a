import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { dns, type DnsOptions, kubernetesDns, type PeerAddress } from 'rookery/discovery';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { patience, strategyContext } from 'rookery/testing';
import { ManualClock } from '@rookery/testing';
import { ZoneServer } from './zone-server.js';

let server: ZoneServer;

beforeEach(async () => {
  server = await ZoneServer.start();
});

afterEach(() => server.stop());

function discover(options: Partial<DnsOptions> = {}): Promise<readonly PeerAddress[]> {
  const strategy = dns({ hostname: 'app.test', port: 4370, servers: [server.address], ...options });
  return strategy.discover(patience());
}

const at = (host: string, port = 4370): PeerAddress => ({ host, port });

describe('dns() by A and AAAA records', () => {
  it('finds the addresses of both families, sorted, each once', async () => {
    server.answer('A', 'app.test', ['10.0.0.2', '10.0.0.1', '10.0.0.2']).answer('AAAA', 'app.test', ['FD00:0::1']);
    expect(await discover()).toEqual([at('10.0.0.1'), at('10.0.0.2'), at('fd00::1')]);
  });

  it('takes an IPv4-mapped IPv6 address for the IPv4 address it is', async () => {
    server.answer('A', 'app.test', ['10.0.0.1']).answer('AAAA', 'app.test', ['::ffff:a00:1', '::ffff:a00:2']);
    expect(await discover()).toEqual([at('10.0.0.1'), at('10.0.0.2')]);
  });

  it('finds nobody behind a name that does not exist', async () => {
    expect(await discover()).toEqual([]);
    expect(server.questions.sort()).toEqual(['A app.test', 'AAAA app.test']);
  });

  it('finds nobody behind a name without addresses', async () => {
    server.answer('A', 'app.test', []).answer('AAAA', 'app.test', []);
    expect(await discover()).toEqual([]);
  });

  it('is content with one family when the other has no data', async () => {
    server.answer('AAAA', 'app.test', ['fd00::1']);
    expect(await discover()).toEqual([at('fd00::1')]);
    server.answer('A', 'v4.test', ['10.0.0.1']);
    expect(await discover({ hostname: 'v4.test' })).toEqual([at('10.0.0.1')]);
  });

  it('uses the addresses of one family although the other failed', async () => {
    server.answer('A', 'app.test', ['10.0.0.1']).answer('AAAA', 'app.test', 'SERVFAIL');
    expect(await discover()).toEqual([at('10.0.0.1')]);
  });

  it.each(['SERVFAIL', 'REFUSED'] as const)('does not take %s for "nobody is there"', async (failure) => {
    server.answer('A', 'app.test', failure).answer('AAAA', 'app.test', failure);
    await expect(discover()).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
      message: expect.stringMatching(
        new RegExp(`behind app\\.test .*A app\\.test \\(E${failure}\\).*${server.address}`),
      ),
    });
  });

  it('does not know when one family failed and the other has no data', async () => {
    server.answer('A', 'app.test', []).answer('AAAA', 'app.test', 'SERVFAIL');
    await expect(discover()).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
      cause: { code: 'ESERVFAIL', hostname: 'app.test' },
    });
  });

  it('does not wait for a silent server longer than it was told to', async () => {
    server.answer('A', 'app.test', 'silence').answer('AAAA', 'app.test', 'silence');
    const start = performance.now();
    await expect(discover({ timeoutMs: 300 })).rejects.toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED' });
    expect(performance.now() - start).toBeLessThan(2_000);
    expect(server.questions).toHaveLength(2);
  });

  it('goes on to the next server when one is silent', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    server.answer('A', 'app.test', ['10.0.0.1']);
    const servers = [`127.0.0.1:${silent.address().port}`, server.address];
    try {
      expect(await discover({ servers, timeoutMs: 300 })).toEqual([at('10.0.0.1')]);
    } finally {
      silent.close();
    }
  });

  it('does not know when no name server listens', async () => {
    const gone = await ZoneServer.start();
    const { address } = gone;
    await gone.stop();
    await expect(discover({ servers: [address], timeoutMs: 300 })).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
    });
  });

  it('sees the records change from poll to poll, whatever their time to live', async () => {
    const strategy = dns({ hostname: 'app.test', port: 4370, servers: [server.address] });
    server.answer('A', 'app.test', ['10.0.0.1']);
    expect(await strategy.discover(patience())).toEqual([at('10.0.0.1')]);
    server.answer('A', 'app.test', ['10.0.0.2', '10.0.0.1']);
    expect(await strategy.discover(patience())).toEqual([at('10.0.0.1'), at('10.0.0.2')]);
    server.answer('A', 'app.test', ['10.0.0.2']);
    expect(await strategy.discover(patience())).toEqual([at('10.0.0.2')]);
  });

  it('reads an answer that is too long for a datagram', async () => {
    const hosts = Array.from({ length: 200 }, (_, index) => `10.0.1.${index}`);
    server.answer('A', 'app.test', hosts);
    expect(await discover()).toHaveLength(200);
  });

  it('asks servers of its own for the name as it is written: the search domains of the machine are not theirs', async () => {
    await discover({ hostname: 'app' });
    expect(server.questions.sort()).toEqual(['A app', 'AAAA app']);
  });
});

describe('dns() with search domains', () => {
  const searchDomains = ['shop.test', 'test'];

  it('asks for the name as it is written first, and asks no further when somebody is there', async () => {
    server.answer('A', 'app', ['10.0.0.1']).answer('A', 'app.shop.test', ['10.0.0.2']);
    expect(await discover({ hostname: 'app', searchDomains })).toEqual([at('10.0.0.1')]);
    expect(server.questions.sort()).toEqual(['A app', 'AAAA app']);
  });

  it('tries each domain in its turn, for services too', async () => {
    server.answer('A', 'app.test', ['10.0.0.3']);
    expect(await discover({ hostname: 'app', searchDomains })).toEqual([at('10.0.0.3')]);
    server
      .answer('SRV', '_r._tcp.app.shop.test', [{ target: 'a.test', port: 4371 }])
      .answer('A', 'a.test', ['10.0.0.1']);
    const found = await discover({ hostname: '_r._tcp.app', type: 'SRV', port: undefined, searchDomains });
    expect(found).toEqual([at('10.0.0.1', 4371)]);
  });

  it('asks for a name with a final dot as it is', async () => {
    server.answer('A', 'app.shop.test', ['10.0.0.2']);
    expect(await discover({ hostname: 'app.', searchDomains })).toEqual([]);
  });

  it('does not know when nobody is listed and one of the names got no answer', async () => {
    server.answer('A', 'app.shop.test', 'SERVFAIL').answer('AAAA', 'app.shop.test', 'SERVFAIL');
    await expect(discover({ hostname: 'app', searchDomains })).rejects.toMatchObject({
      code: 'DISCOVERY_LOOKUP_FAILED',
    });
  });
});

describe('dns() in a search domain that answers to everything', () => {
  const name = 'app.shop';
  const searchDomains = ['test'];

  async function started() {
    const context = strategyContext();
    const strategy = dns({ hostname: name, port: 4370, servers: [server.address], searchDomains });
    await strategy.start?.(context);
    server.answer('A', name, ['10.0.0.1']).answer('A', `${name}.test`, ['10.9.9.9']);
    expect(await strategy.discover(patience())).toEqual([at('10.0.0.1')]);
    expect(strategy.explain?.()).toBeUndefined();
    return { strategy, logged: context.logged };
  }

  it.each(['SERVFAIL', 'REFUSED'] as const)(
    'does not know who is there while the name itself gets %s',
    async (failure) => {
      const { strategy } = await started();
      server.answer('A', name, failure).answer('AAAA', name, failure);
      await expect(strategy.discover(patience())).rejects.toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED' });
      server.answer('A', name, ['10.0.0.2']);
      expect(await strategy.discover(patience())).toEqual([at('10.0.0.2')]);
    },
  );

  it('says so when the name itself lists nobody any more', async () => {
    const { strategy, logged } = await started();
    server.answer('A', name, []);
    for (let poll = 0; poll < 2; poll++) expect(await strategy.discover(patience())).toEqual([at('10.9.9.9')]);
    expect(logged).toEqual([
      expect.stringMatching(/^warn: DNS lists 'app\.shop' as 'app\.shop\.test' now, and as 'app\.shop' before/),
    ]);
    expect(strategy.explain?.()).toMatch(/'app\.shop' is listed as 'app\.shop\.test', by a search domain/);
  });
});

describe('dns() and the time to live of records', () => {
  async function polled(
    ttlSeconds: number,
  ): Promise<{ clock: ManualClock; changes: () => number; end: () => unknown }> {
    server.ttlSeconds = ttlSeconds;
    server.answer('A', 'app.test', ['10.0.0.1']);
    const clock = new ManualClock();
    const context = strategyContext();
    const strategy = dns({ hostname: 'app.test', port: 4370, servers: [server.address], pollIntervalMs: 5_000 });
    await strategy.start?.({ ...context, clock });
    await strategy.discover(patience());
    return { clock, changes: () => context.changes, end: () => strategy.withdraw?.(context.self) };
  }

  it('asks again when a record is over before the next poll', async () => {
    const { clock, changes } = await polled(2);
    await clock.advance(1_999);
    expect(changes()).toBe(0);
    await clock.advance(1);
    expect(changes()).toBe(1);
  });

  it('leaves it to the poll when they live longer, or are not to be cached at all', async () => {
    for (const ttlSeconds of [0, 5, 300]) expect((await polled(ttlSeconds)).clock.pending).toEqual([]);
  });

  it('does not ask any more once it is withdrawn', async () => {
    const { clock, end } = await polled(2);
    await end();
    expect(clock.pending).toEqual([]);
  });
});

describe('dns() when it is aborted', () => {
  it('rejects with the reason of the signal while a server is silent', async () => {
    server.answer('A', 'app.test', 'silence').answer('AAAA', 'app.test', 'silence');
    const abort = new AbortController();
    const reason = new Error('the poll took too long');
    const arrived = server.asked('A app.test');
    const strategy = dns({ hostname: 'app.test', port: 4370, servers: [server.address], timeoutMs: 60_000 });
    const answer = strategy.discover(abort.signal);
    await arrived;
    abort.abort(reason);
    await expect(answer).rejects.toBe(reason);
  });

  it('asks nothing when it is aborted before it begins', async () => {
    const strategy = dns({ hostname: 'app.test', port: 4370, servers: [server.address] });
    await expect(strategy.discover(AbortSignal.abort())).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.questions).toEqual([]);
  });

  it('asks for no further targets of a service', async () => {
    const abort = new AbortController();
    const services = Array.from({ length: 100 }, (_, index) => ({ target: `t${index}.test`, port: 4370 }));
    services.forEach(({ target }) => server.answer('A', target, 'silence').answer('AAAA', target, 'silence'));
    server.answer('SRV', 'app.test', services);
    const arrived = server.asked('A t0.test');
    const strategy = dns({ hostname: 'app.test', type: 'SRV', servers: [server.address], timeoutMs: 60_000 });
    const answer = strategy.discover(abort.signal);
    await arrived;
    abort.abort();
    await expect(answer).rejects.toMatchObject({ name: 'AbortError' });
    expect(server.questions.length).toBeLessThan(100);
  });
});

describe('dns() by SRV records', () => {
  const srv = (options: Partial<DnsOptions> = {}) => discover({ type: 'SRV', port: undefined, ...options });

  it('finds the addresses of the targets, at the ports of the records', async () => {
    server
      .answer('SRV', 'app.test', [
        { target: 'b.test', port: 4372 },
        { target: 'a.test', port: 4371 },
      ])
      .answer('A', 'a.test', ['10.0.0.1'])
      .answer('A', 'b.test', ['10.0.0.2'])
      .answer('AAAA', 'b.test', ['fd00::2']);
    expect(await srv()).toEqual([at('10.0.0.1', 4371), at('10.0.0.2', 4372), at('fd00::2', 4372)]);
  });

  it('uses the given port only for records that leave theirs open', async () => {
    server
      .answer('SRV', 'app.test', [
        { target: 'a.test', port: 0 },
        { target: 'b.test', port: 4371 },
      ])
      .answer('A', 'a.test', ['10.0.0.1'])
      .answer('A', 'b.test', ['10.0.0.2']);
    expect(await srv()).toEqual([at('10.0.0.2', 4371)]);
    expect(await srv({ port: 4370 })).toEqual([at('10.0.0.1', 4370), at('10.0.0.2', 4371)]);
  });

  it('finds nobody behind a service that does not exist', async () => {
    expect(await srv()).toEqual([]);
  });

  it('passes over a target that does not exist', async () => {
    server
      .answer('SRV', 'app.test', [
        { target: 'a.test', port: 4370 },
        { target: 'gone.test', port: 4370 },
      ])
      .answer('A', 'a.test', ['10.0.0.1']);
    expect(await srv()).toEqual([at('10.0.0.1')]);
  });

  it('does not know when the service or all its targets fail', async () => {
    server.answer('SRV', 'app.test', 'SERVFAIL');
    await expect(srv()).rejects.toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED' });
    server.answer('SRV', 'app.test', [{ target: 'a.test', port: 4370 }]).answer('A', 'a.test', 'SERVFAIL');
    await expect(srv()).rejects.toMatchObject({ code: 'DISCOVERY_LOOKUP_FAILED' });
  });

  it('looks up no more than 256 targets', async () => {
    const services = Array.from({ length: 300 }, (_, index) => ({ target: `t${index}.test`, port: 4370 }));
    services.forEach(({ target }, index) =>
      server.answer('A', target, [`10.0.${index >> 8}.${index & 255}`]).answer('AAAA', target, []),
    );
    server.answer('SRV', 'app.test', services);
    expect(await srv()).toHaveLength(256);
    expect(server.questions.filter((question) => question.startsWith('A '))).toHaveLength(256);
  });
});

describe('dns() with several names', () => {
  it('merges their answers', async () => {
    server.answer('A', 'app.test', ['10.0.0.1', '10.0.0.2']).answer('A', 'api.test', ['10.0.0.2', '10.0.0.3']);
    const found = await discover({ hostname: ['app.test', 'api.test', 'none.test'] });
    expect(found).toEqual([at('10.0.0.1'), at('10.0.0.2'), at('10.0.0.3')]);
  });

  it('keeps the last answer for a name that fails, and says so once', async () => {
    const context = strategyContext();
    const strategy = dns({ hostname: ['app.test', 'api.test'], port: 4370, servers: [server.address] });
    await strategy.start?.(context);
    server.answer('A', 'app.test', ['10.0.0.1']).answer('A', 'api.test', ['10.0.0.2']);
    await strategy.discover(patience());
    server.answer('A', 'app.test', ['10.0.0.9']).answer('A', 'api.test', 'SERVFAIL');
    expect(await strategy.discover(patience())).toEqual([at('10.0.0.2'), at('10.0.0.9')]);
    await strategy.discover(patience());
    expect(context.logged).toEqual([expect.stringMatching(/^warn: .*A api\.test \(ESERVFAIL\)/)]);
  });
});

describe('kubernetesDns()', () => {
  const options = { service: 'app-headless', namespace: 'shop' };

  it('asks for the full name of the service', async () => {
    server.answer('A', 'app-headless.shop.svc.cluster.local', ['10.1.0.1']);
    const strategy = kubernetesDns({ ...options, port: 4370, servers: [server.address] });
    expect(await strategy.discover(patience())).toEqual([at('10.1.0.1')]);
    expect(strategy.name).toBe('kubernetes-dns');
  });

  it('finds pods and their port by the name of the port', async () => {
    const pod = '10-1-0-1.app-headless.shop.svc.k8s.internal';
    server
      .answer('SRV', '_rookery._tcp.app-headless.shop.svc.k8s.internal', [{ target: pod, port: 4380 }])
      .answer('A', pod, ['10.1.0.1']);
    const clusterDomain = 'k8s.internal';
    const strategy = kubernetesDns({ ...options, port: 'rookery', clusterDomain, servers: [server.address] });
    expect(await strategy.discover(patience())).toEqual([at('10.1.0.1', 4380)]);
  });

  it('merges the pods of several services', async () => {
    server
      .answer('A', 'app-headless.shop.svc.cluster.local', ['10.1.0.1'])
      .answer('A', 'api-headless.shop.svc.cluster.local', ['10.1.0.2']);
    const service = ['app-headless', 'api-headless'];
    const strategy = kubernetesDns({ service, namespace: 'shop', port: 4370, servers: [server.address] });
    expect(await strategy.discover(patience())).toEqual([at('10.1.0.1'), at('10.1.0.2')]);
  });
});
