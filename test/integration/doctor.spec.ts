/** The doctor, on set-ups that are broken in the ways that happen: each time it names the cause, and disturbs nobody. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { silentLogger } from '@rookery/runtime';
import { dns, kubernetesDns, staticPeers } from 'rookery/discovery';
import { diagnose, type Diagnosis, type MeshOptions } from 'rookery/mesh';
import { ZoneServer } from '../discovery/zone-server.js';
import { closeAll, COOKIE, freePort, record, recordingLogger, startNode } from './support.js';

let port: number;
let zone: ZoneServer;

beforeEach(async () => {
  port = await freePort();
  zone = await ZoneServer.start();
});

afterEach(async () => {
  await closeAll();
  await zone.stop();
});

const api = (options: MeshOptions = {}) =>
  startNode('api-1', [], { cluster: 'shop', listen: { host: '127.0.0.1', port }, ...options });

const look = (options: MeshOptions = {}): Promise<Diagnosis> =>
  diagnose({
    cluster: 'shop',
    cookie: COOKIE,
    listen: { host: '127.0.0.1', port: 1 },
    discovery: staticPeers([{ host: '127.0.0.1', port }]),
    logger: silentLogger,
    ...options,
  });

/** `level subject: text | mend` of every finding. */
const linesOf = ({ findings }: Diagnosis): string[] =>
  findings.map(({ level, subject, text, mend }) => `${level} ${subject}: ${text} | ${mend ?? ''}`);

describe('the doctor', () => {
  it('finds nothing to mend where nothing is broken, and disturbs nobody', async () => {
    const logger = recordingLogger();
    const node = await api({ logger });
    const { members, gaps } = record(node);
    const before = logger.lines.length;
    expect(linesOf(await look())).toEqual([
      `ok static: lists 1 address: 127.0.0.1:${port} | `,
      `ok 127.0.0.1:${port}: api-1 answers | `,
      'ok summary: the other address answers | ',
    ]);
    expect([members, gaps, node.members(), node.stats().links]).toEqual([[], [], [], []]);
    expect(logger.lines.slice(before).filter((line) => !line.startsWith('debug'))).toEqual([]);
  });

  it('tells the node of this machine from others', async () => {
    await api();
    const diagnosis = await look({ listen: { host: '127.0.0.1', port } });
    expect(linesOf(diagnosis)).toEqual([
      expect.stringMatching(/^ok static/),
      `ok 127.0.0.1:${port}: the node of this machine, api-1, answers | `,
      expect.stringMatching(/^problem summary: no other node is listed/),
    ]);
  });

  it('names another cookie', async () => {
    await api({ cookie: 'another-6f1d1a1e0b7c' });
    expect(linesOf(await look())).toContainEqual(
      `problem 127.0.0.1:${port}: unauthenticated (it holds another cookie) | Give every node the same cookie.`,
    );
  });

  it('names a port on which nobody listens', async () => {
    await api({ listen: { host: '127.0.0.1', port: await freePort() } });
    const lines = linesOf(await look());
    expect(lines).toContainEqual(
      expect.stringMatching(
        /^problem 127\.0\.0\.1:\d+: refused \(ECONNREFUSED\) \| Nobody listens there:.*listen\.port/,
      ),
    );
    expect(lines.at(-1)).toMatch(/^problem summary: none of 1 other address answers/);
  });

  it('names the service that DNS does not know, and how to look for it', async () => {
    zone.answer('A', 'app-headless.shop.svc.cluster.local', ['10.0.3.7']);
    const options = { namespace: 'shop', port: 4370, servers: [zone.address] };
    const lines = linesOf(await look({ discovery: kubernetesDns({ ...options, service: 'app-headles' }) }));
    expect(lines[0]).toMatch(
      /^problem kubernetes-dns: lists nobody \| .*'app-headles\.shop\.svc\.cluster\.local': the name does not exist \(NXDOMAIN\).*headless service of that name \(kubectl get service -n shop\)/,
    );
  });

  it('names the name that does not exist, and tells it from one without addresses', async () => {
    zone.answer('A', 'web.test', []).answer('AAAA', 'web.test', []);
    const servers = [zone.address];
    const nowhere = dns({ hostname: 'ap.test', port: 4370, servers });
    const empty = dns({ hostname: 'web.test', port: 4370, servers });
    const lines = linesOf(await look({ discovery: [nowhere, empty] }));
    expect(lines[0]).toMatch(/^problem dns: lists nobody \| .*'ap\.test': the name does not exist \(NXDOMAIN\)/);
    expect(lines[1]).toMatch(/^problem dns-2: lists nobody \| .*'web\.test': the name has no A or AAAA records/);
    expect(lines[2]).toMatch(/^problem summary: no other node is listed/);
  });

  it('names both clusters where they differ', async () => {
    await api({ cluster: 'warehouse' });
    expect(linesOf(await look())).toContainEqual(
      `problem 127.0.0.1:${port}: cluster (it belongs to cluster 'warehouse') | ` +
        "This node belongs to 'shop'. Give both the same `cluster`, or take the address from the list.",
    );
  });

  it('says that a name server does not answer, and why whoever is there is not known', async () => {
    zone.answer('A', 'app.test', 'REFUSED').answer('AAAA', 'app.test', 'REFUSED');
    const lines = linesOf(
      await look({ discovery: dns({ hostname: 'app.test', port: 4370, servers: [zone.address] }) }),
    );
    expect(lines[0]).toMatch(/^problem dns: does not know who is there: .*EREFUSED/);
    expect(lines[1]).toMatch(/^problem summary: whether there are other nodes is not known/);
  });

  it('refuses options that cannot work as a node does', async () => {
    await expect(look({ clutser: 'x' } as never)).rejects.toMatchObject({
      code: 'CLUSTER_INVALID_OPTIONS',
      message: expect.stringMatching(/clutser.*mean .?cluster/),
    });
  });

  it('has the record that stats() of a running node has', async () => {
    await api();
    const diagnosis = await look();
    const node = await startNode('api-2', [port], { cluster: 'shop' });
    const { strategies, discovery } = node.stats();
    const plain = (record: object) => Object.keys(record).sort();
    expect(plain(diagnosis.strategies[0]!)).toEqual(plain(strategies[0]!));
    expect(plain(diagnosis.discovery[0]!)).toEqual(plain(discovery[0]!));
    expect(diagnosis.discovery).toEqual([
      expect.objectContaining({ address: `127.0.0.1:${port}`, outcome: 'linked', member: 'api-1' }),
    ]);
  });
});
