/** Calls between processes: what a caller is told when the member that it asked dies, leaves, is slow, or is not needed any more. */
import { afterEach, describe, expect, it } from '@jest/globals';
import { CutProxy } from './support/cut-proxy.js';
import { freePort, joined, NodeProcess, seed, until, wallMs } from './support/node-process.js';
import { randomFrom } from './support/random.js';

let proxies: CutProxy[] = [];
afterEach(async () => {
  await NodeProcess.endAll();
  for (const proxy of proxies) proxy.close();
  proxies = [];
});

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const script = 'test/processes/support/calls-process.mjs';

interface Outcome {
  readonly value?: { readonly n: number; readonly by: string };
  readonly code?: string;
  readonly message?: string;
  readonly askedAt: number;
  readonly at: number;
}

interface Made {
  /** Handlers that began. */
  readonly begun: number;
  /** Values of a stream. */
  readonly made: number;
  /** When the last one ended. */
  readonly endedAt: number;
}

interface LoopResult {
  readonly asked: number;
  readonly ok: number;
  readonly wrong: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly by: Readonly<Record<string, number>>;
  readonly longestMs: number;
  /** The numbers of those that failed with `NO_PEER`. */
  readonly refused: readonly number[];
}

async function start(name: string, port: number, own = 0): Promise<NodeProcess> {
  const node = await NodeProcess.spawn(name, { script });
  await node.open(seed(port), { listen: { host: '127.0.0.1', port: own } });
  return node;
}

/** A caller and so many servers; the names of servers tell the process to answer. */
async function callerAnd(servers: number): Promise<{ port: number; caller: NodeProcess; servers: NodeProcess[] }> {
  const port = await freePort();
  const caller = await start('caller', port, port);
  const nodes = await Promise.all(Array.from({ length: servers }, (_, i) => start(`server-${i + 1}`, port)));
  await joined([caller, ...nodes]);
  return { port, caller, servers: nodes };
}

const madeBy = (node: NodeProcess): Promise<Made> => node.ask<Made>('madeCalls');
const tell = (line: string): void => void process.stdout.write(`${line}\n`);

describe('a member that is killed', () => {
  it('during a call: the caller is told so at once, and not at the deadline', async () => {
    const { caller, servers } = await callerAnd(1);
    const [server] = servers as [NodeProcess];
    const call = caller.ask<Outcome>('call', { pattern: 'hang', data: {}, options: { timeoutMs: 60_000 } });
    await server.until(async () => (await madeBy(server)).begun === 1, 'the call');
    const killedAt = wallMs();
    await server.end('SIGKILL');
    const { code, message, at } = await call;
    tell(`kill -9 during a call: PEER_LOST after ${(at - killedAt).toFixed(1)} ms`);
    expect({ code, message }).toEqual({ code: 'PEER_LOST', message: expect.stringContaining('server-1') });
  });

  it('during a call that is idempotent: another one answers', async () => {
    const { caller, servers } = await callerAnd(2);
    const calls = caller.ask<Outcome[]>('calls', {
      pattern: 'work',
      count: 10,
      data: { ms: 1_000 },
      options: { idempotent: true },
    });
    const [first, second] = servers as [NodeProcess, NodeProcess];
    await until(async () => (await madeBy(first)).begun === 5 && (await madeBy(second)).begun === 5, 'half each');
    await first.end('SIGKILL');
    expect((await calls).map(({ value, code }) => value?.by ?? code)).toEqual(
      Array.from({ length: 10 }, () => 'server-2'),
    );
  });
});

describe('a member that gets a SIGTERM', () => {
  it('with 100 calls at work answers all of them, and new ones go elsewhere', async () => {
    const { caller, servers } = await callerAnd(2);
    const [leaving, staying] = servers as [NodeProcess, NodeProcess];
    const running = caller.ask<Outcome[]>('calls', {
      pattern: 'work',
      count: 100,
      data: { ms: 500 },
      options: { to: 'server-1' },
    });
    await leaving.until(async () => (await madeBy(leaving)).begun === 100, '100 calls');
    await caller.ask('callLoop', { perSecond: 200, ms: 0 });
    leaving.signal('SIGTERM');
    const answers = await running;
    expect(answers.filter(({ value }) => value?.by === 'server-1')).toHaveLength(100);
    expect(await leaving.ended(10_000)).toBe(0);
    const result = await caller.ask<LoopResult>('stopCalls');
    expect(result).toMatchObject({ ok: result.asked, wrong: 0, codes: {} });
    tell(
      `SIGTERM with 100 calls of 500 ms at work: 100 answers; meanwhile ${result.ok} of ${result.asked} others, the longest ${result.longestMs.toFixed(0)} ms`,
    );
    expect((await madeBy(staying)).begun).toBeGreaterThan(0);
  });

  it('in turn, three of them under 200 calls a second: none fails', async () => {
    const { port, caller, servers } = await callerAnd(3);
    await caller.ask('callLoop', { perSecond: 200, ms: 20 });
    const hasItsShare = (server: NodeProcess): Promise<void> =>
      server.until(async () => (await madeBy(server)).begun > 50, 'its share of calls');
    for (const [i, server] of servers.entries()) {
      await hasItsShare(server);
      server.signal('SIGTERM');
      expect(await server.ended(10_000)).toBe(0);
      const next = await start(`server-${i + 4}`, port);
      await caller.event('member.up', next.name);
      await hasItsShare(next);
    }
    const result = await caller.ask<LoopResult>('stopCalls');
    tell(
      `rolling restart of three servers under 200 calls/s: ${result.ok} of ${result.asked} answered, the longest after ${result.longestMs.toFixed(0)} ms`,
    );
    expect(result).toMatchObject({ ok: result.asked, wrong: 0, codes: {} });
    expect(Object.keys(result.by).sort()).toEqual([1, 2, 3, 4, 5, 6].map((n) => `server-${n}`));
  }, 60_000);
});

describe('a link that is cut', () => {
  it(`fifty times under 500 calls a second: each runs at most once, and ends once (SEED=${SEED})`, async () => {
    const random = randomFrom(SEED);
    const [callerPort, serverPort] = [await freePort(), await freePort()];
    const [toCaller, toServer] = [await CutProxy.start(callerPort), await CutProxy.start(serverPort)];
    proxies = [toCaller, toServer];
    const behind = async (name: string, port: number, own: CutProxy, other: CutProxy): Promise<NodeProcess> => {
      const node = await NodeProcess.spawn(name, { script });
      await node.open(seed(other.port), {
        listen: { host: '127.0.0.1', port },
        advertise: { host: '127.0.0.1', port: own.port },
      });
      return node;
    };
    const caller = await behind('caller', callerPort, toCaller, toServer);
    const server = await behind('server-1', serverPort, toServer, toCaller);
    await joined([caller, server]);
    await caller.ask('callLoop', { perSecond: 500, ms: 5 });
    for (let cut = 1; cut <= 50; cut++) {
      await until(() => toCaller.connections + toServer.connections > 0, 'a link through a proxy');
      const before = toCaller.cuts + toServer.cuts;
      for (const proxy of proxies) proxy.cutAfter(Math.floor(random() * 10_000), random() < 0.3);
      await until(() => toCaller.cuts + toServer.cuts > before, `cut ${cut}`);
    }
    for (const proxy of proxies) proxy.cutAfter(Number.POSITIVE_INFINITY, false);
    const { asked, ok, wrong, codes, refused } = await caller.ask<LoopResult>('stopCalls');
    tell(`50 cuts (seed ${SEED}): ${ok} of ${asked} calls answered, ${JSON.stringify(codes)}`);
    // Told once each, and truly: what is unknown is what may have run, and what is said not to have run did not.
    expect(wrong).toBe(0);
    expect(ok + Object.values(codes).reduce((sum, count) => sum + count, 0)).toBe(asked);
    expect(Object.keys(codes).filter((code) => code !== 'PEER_LOST' && code !== 'NO_PEER')).toEqual([]);
    const runs = new Map(await server.ask<[number, number][]>('runs'));
    expect([...runs.values()].filter((count) => count > 1)).toEqual([]);
    expect(refused.filter((n) => runs.has(n))).toEqual([]);
    expect(runs.size).toBeGreaterThanOrEqual(ok);
    expect(ok).toBeGreaterThan(100);
  }, 120_000);
});

describe('a call', () => {
  it('with a deadline ends on both sides when its time is over', async () => {
    const { caller, servers } = await callerAnd(1);
    const [server] = servers as [NodeProcess];
    // The first one of a process compiles what the others only run.
    await caller.ask('call', { pattern: 'work', data: { n: 1, ms: 0 } });
    const { code, askedAt, at } = await caller.ask<Outcome>('call', {
      pattern: 'hang',
      data: {},
      options: { timeoutMs: 50 },
    });
    expect(code).toBe('TIMEOUT');
    await server.until(async () => (await madeBy(server)).endedAt > 0, 'the end of the handler');
    const { endedAt } = await madeBy(server);
    tell(
      `a deadline of 50 ms: the caller after ${(at - askedAt).toFixed(1)} ms, the handler after ${(endedAt - askedAt).toFixed(1)} ms`,
    );
    expect(at - askedAt).toBeGreaterThanOrEqual(49);
  });

  it('for a stream that is not read to its end stops its source', async () => {
    const { caller, servers } = await callerAnd(1);
    const [server] = servers as [NodeProcess];
    const { read, leftAt } = await caller.ask<{ read: number; leftAt: number }>('readStream', {
      pattern: 'flood',
      data: { count: 1_000_000, bytes: 10 },
      count: 50_000,
      everyMs: 0,
    });
    expect(read).toBe(50_000);
    await server.until(async () => (await madeBy(server)).endedAt > 0, 'the end of the source');
    const { endedAt, made } = await madeBy(server);
    tell(
      `a stream of 1 000 000 left after ${read}: its source ended ${(endedAt - leftAt).toFixed(1)} ms later, after ${made}`,
    );
    expect(made).toBeLessThan(200_000);
  });

  it('for a stream that is read slowly keeps its source waiting, and takes no memory there', async () => {
    const { caller, servers } = await callerAnd(1);
    const [server] = servers as [NodeProcess];
    const memory = async (): Promise<number> => {
      const { heapUsed, arrayBuffers } = await server.ask<{ heapUsed: number; arrayBuffers: number }>('memory');
      return heapUsed + arrayBuffers;
    };
    const before = await memory();
    const reading = caller.ask<{ read: number }>('readStream', {
      pattern: 'flood',
      data: { count: 1_000_000, bytes: 10_000 },
      count: 300,
      everyMs: 10,
    });
    await server.until(async () => (await madeBy(server)).made >= 25, 'a full window');
    const during = await memory();
    const { made } = await madeBy(server);
    expect((await reading).read).toBe(300);
    tell(
      `a stream read at 1 MB/s: its source waits after ${made} values of 10 KB, with ${((during - before) / 1e6).toFixed(1)} MB more`,
    );
    // The window is 256 KiB, and what waits in the socket on top.
    expect(during - before).toBeLessThan(16e6);
    await server.until(async () => (await madeBy(server)).endedAt > 0, 'the end of the source');
    expect((await madeBy(server)).made).toBeLessThan(300 + 100);
  }, 60_000);
});
