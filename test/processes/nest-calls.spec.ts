/** Nest microservices that get a SIGTERM while they are called: Nest's own shutdown answers what was begun, and callers notice nothing. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePort, joined, NodeProcess, seed } from './support/node-process.js';

afterEach(() => NodeProcess.endAll());

interface Outcome {
  readonly value?: { readonly n: number; readonly by: string };
  readonly code?: string;
}

interface LoopResult {
  readonly asked: number;
  readonly ok: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly by: Readonly<Record<string, number>>;
}

async function start(name: string, port: number, own = 0): Promise<NodeProcess> {
  const node = await NodeProcess.spawn(name, { script: 'test/processes/support/nest-calls-process.mjs' });
  await node.open(seed(port), { listen: { host: '127.0.0.1', port: own } });
  return node;
}

const begunAt = async (node: NodeProcess): Promise<number> => (await node.ask<{ begun: number }>('madeCalls')).begun;
const hasItsShare = (node: NodeProcess): Promise<void> =>
  node.until(async () => (await begunAt(node)) > 50, 'its share of calls');

describe('a Nest microservice that gets a SIGTERM', () => {
  it('answers the 100 calls that it has begun, and is asked nothing more', async () => {
    const port = await freePort();
    const caller = await start('caller', port, port);
    const [leaving, staying] = await Promise.all([start('server-1', port), start('server-2', port)]);
    await joined([caller, leaving, staying]);
    const running = caller.ask<Outcome[]>('calls', { count: 100, ms: 500, to: 'server-1' });
    await leaving.until(async () => (await begunAt(leaving)) === 100, '100 calls');
    await caller.ask('callLoop', { perSecond: 200, ms: 0 });
    leaving.signal('SIGTERM');
    const answers = await running;
    expect(answers.filter(({ value }) => value?.by === 'server-1')).toHaveLength(100);
    await leaving.ended(10_000);
    const result = await caller.ask<LoopResult>('stopCalls');
    process.stdout.write(
      `SIGTERM of a Nest app with 100 calls of 500 ms: 100 answers, ${result.ok} of ${result.asked} others\n`,
    );
    expect(result).toMatchObject({ ok: result.asked, codes: {} });
    expect(result.by['server-2']).toBeGreaterThan(0);
  }, 60_000);

  it('in turn, three of them under 200 calls a second: none fails', async () => {
    const port = await freePort();
    const caller = await start('caller', port, port);
    const servers = await Promise.all([1, 2, 3].map((n) => start(`server-${n}`, port)));
    await joined([caller, ...servers]);
    await caller.ask('callLoop', { perSecond: 200, ms: 20 });
    for (const [i, server] of servers.entries()) {
      await hasItsShare(server);
      server.signal('SIGTERM');
      await server.ended(10_000);
      const next = await start(`server-${i + 4}`, port);
      await hasItsShare(next);
    }
    const result = await caller.ask<LoopResult>('stopCalls');
    process.stdout.write(`rolling restart of three Nest apps under 200 calls/s: ${result.ok} of ${result.asked}\n`);
    expect(result).toMatchObject({ ok: result.asked, codes: {} });
    expect(Object.keys(result.by)).toHaveLength(6);
  }, 60_000);
});
