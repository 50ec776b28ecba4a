import { describe, expect, it } from '@jest/globals';
import { resolve } from 'node:path';
import { readConfig } from './config.js';

describe('readConfig', () => {
  it('has documented ports and a folder of its own by default, also for empty variables', () => {
    const expected = { port: 3000, firstPort: { api: 3001, landing: 3011 }, dataFolder: resolve('data/playground') };
    expect(readConfig({})).toMatchObject(expected);
    expect(readConfig({ PLAYGROUND_PORT: '', PLAYGROUND_DATA: ' ' })).toMatchObject(expected);
  });

  it('takes other ports, and a folder', () => {
    const environment = { PLAYGROUND_PORT: '4000', PLAYGROUND_API_PORT: '0', PLAYGROUND_DATA: '/somewhere' };
    expect(readConfig(environment)).toMatchObject({
      port: 4000,
      firstPort: { api: 0, landing: 3011 },
      dataFolder: resolve('/somewhere'),
    });
  });

  it('names every problem at once', () => {
    const read = () => readConfig({ PLAYGROUND_PORT: 'x', PLAYGROUND_LANDING_PORT: '65536' });
    expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(read).toThrow(/PLAYGROUND_PORT.*PLAYGROUND_LANDING_PORT/);
  });

  it('hands on the environment without what would lead a replica astray', () => {
    const { inherited } = readConfig({
      PATH: '/bin',
      DATABASE_URL: 'postgres://a',
      CLUSTER_PEERS: 'a:1',
      HTTP_PORT: '1',
    });
    expect(inherited).toEqual({ PATH: '/bin' });
  });
});
