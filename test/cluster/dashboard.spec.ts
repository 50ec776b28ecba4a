import { Test } from '@nestjs/testing';
import { describe, expect, it } from '@jest/globals';
import type { DialStats, MeshStats, StrategyStats } from 'rookery';
import { DashboardModule } from 'rookery/dashboard';
import request from 'supertest';
import { startHttp } from './app.js';
import { FakeCluster, memberNamed } from './fake-cluster.js';

const STRATEGY: StrategyStats = {
  name: 'dns',
  state: 'failed',
  addresses: ['10.0.0.2:4370'],
  answeredMsAgo: 12_000,
  failure: 'no answer',
  note: 'half of it is missing',
};
const DIAL: DialStats = {
  address: '10.0.0.2:4370',
  strategies: ['dns'],
  outcome: 'refused',
  member: 'api-2',
  attempts: 3,
  detail: 'ECONNREFUSED',
  mend: 'start it',
};

class BusyCluster extends FakeCluster {
  override readonly peers = [memberNamed('api-2'), memberNamed('api-3', 'suspect'), memberNamed('api-4', 'left')];

  override stats(): MeshStats {
    const link = { isDialled: true, remoteAddress: '10.0.0.2:4370', roundTripMs: undefined, lag: 2, cursorLag: 1 };
    return {
      log: { head: 12, first: 3, bytes: 4_096 },
      links: [{ ...link, member: memberNamed('api-2'), keyId: 'k1', received: 5, bytesSent: 10, bytesReceived: 20 }],
      strategies: [STRATEGY],
      discovery: [DIAL],
      detours: [{ member: memberNamed('api-3', 'suspect'), via: memberNamed('api-2') }],
      overruns: 4,
    };
  }
}

describe('the dashboard', () => {
  it('serves the view of this node', async () => {
    const app = await startHttp({ imports: [DashboardModule.forRoot()] }, new BusyCluster('api-1'));

    const response = await request(app.getHttpServer()).get('/cluster').expect(200).expect('Cache-Control', 'no-store');
    expect(response.body).toEqual({
      self: expect.objectContaining({ name: 'api-1' }),
      members: [
        expect.objectContaining({ name: 'api-2', status: 'up' }),
        expect.objectContaining({ name: 'api-3', status: 'suspect' }),
        expect.objectContaining({ name: 'api-4', status: 'left' }),
      ],
      links: [
        {
          member: memberNamed('api-2').incarnation,
          name: 'api-2',
          isDialled: true,
          remoteAddress: '10.0.0.2:4370',
          roundTripMs: null,
          lag: 2,
          cursorLag: 1,
          received: 5,
          bytesSent: 10,
          bytesReceived: 20,
        },
      ],
      detours: [
        {
          member: memberNamed('api-3').incarnation,
          name: 'api-3',
          via: memberNamed('api-2').incarnation,
          viaName: 'api-2',
        },
      ],
      freshness: { fresh: true, reasons: [] },
      log: { head: 12, first: 3, bytes: 4_096 },
      strategies: [STRATEGY],
      discovery: [DIAL],
      overruns: 4,
    });
    await app.close();
  });

  it('serves it where it is told to, of several applications in one process too', async () => {
    const status = await startHttp({ imports: [DashboardModule.forRoot({ path: 'ops/status' })] });
    const nodes = await startHttp({ imports: [DashboardModule.forRoot({ path: 'nodes' })] });

    await request(status.getHttpServer()).get('/ops/status').expect(200);
    await request(nodes.getHttpServer()).get('/nodes').expect(200);
    await request(nodes.getHttpServer()).get('/ops/status').expect(404);
    await status.close();
    await nodes.close();
  });

  it('needs the cluster', async () => {
    const module = Test.createTestingModule({ imports: [DashboardModule.forRoot()] }).compile();
    await expect(module).rejects.toThrow(/Cluster/);
  });
});
