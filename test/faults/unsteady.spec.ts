/** Links that come and go, wires that are long, clocks that jump: nothing is lost, nothing is left over, nobody is called dead. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, expect, it } from '@jest/globals';
import { type NodeEvent, type NodeProcess, until, wallMs } from '../processes/support/node-process.js';
import { describeWithNetworks, type Host, Network } from './support/network.js';
import {
  accusations,
  duration,
  endAll,
  expectAll,
  type FaultNode,
  type Freshness,
  linkedWith,
  pause,
  PORT,
  report,
  seconds,
  spawnOn,
  startNodes,
} from './support/nodes.js';

const FLAPS = duration(10, 6);
const RESETS = duration(12, 4);
const RESET_EVERY_MS = 5_000;
const LATENCY_MS = 200;
const LATENCY_FOR_MS = duration(30_000, 10_000);
const HOUR_MS = 3_600_000;

interface Resources {
  readonly sockets: Record<string, number>;
  readonly timers: number;
}

let proxy: ChildProcess | undefined;

afterEach(async () => {
  proxy?.kill('SIGKILL');
  proxy = undefined;
  await endAll();
});

async function stopAndExpectAll(a: NodeProcess, b: NodeProcess): Promise<number> {
  const [lastOfA, lastOfB] = [await a.ask<number>('stop'), await b.ask<number>('stop')];
  await expectAll(b, a, 's', lastOfA);
  await expectAll(a, b, 's', lastOfB);
  for (const node of [a, b]) {
    expect(node.ofKind('gap')).toEqual([]);
    expect(node.ofKind('member.lost')).toEqual([]);
    expect(node.ofKind('member.up')).toHaveLength(1);
  }
  return lastOfA + lastOfB;
}

describeWithNetworks('a link', () => {
  it(`that is gone for 3 s and back for 3 s, ${FLAPS} times, loses nothing and leaves no timer or socket behind`, async () => {
    const network = await Network.start();
    const [a, b] = (await startNodes(network, ['a', 'b'])) as [FaultNode, FaultNode];
    for (const { node } of [a, b]) await node.ask('watchTimers');
    const settled = async (): Promise<Resources[]> => {
      await pause(3_000);
      return Promise.all([a, b].map(({ node }) => node.ask<Resources>('resources')));
    };
    const before = await settled();
    for (const { node } of [a, b]) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 5 });
    for (let flap = 1; flap <= FLAPS; flap++) {
      await network.blackhole(a.host, b.host);
      await pause(3_000);
      await network.heal();
      await pause(3_000);
    }
    const count = await stopAndExpectAll(a.node, b.node);
    for (const { node } of [a, b]) await linkedWith(node, 1);
    const after = await settled();
    report(
      `${FLAPS} flaps: ${count} messages, all arrived, ${accusations(a.node).length + accusations(b.node).length} ` +
        `suspicions; sockets and timers ${JSON.stringify(before)} before, ${JSON.stringify(after)} after`,
    );
    for (const [i, { sockets, timers }] of after.entries()) {
      expect(sockets).toEqual(before[i]!.sockets);
      // A few come and go with heartbeats and acknowledgements; one for each flap would be more.
      expect(timers).toBeLessThan(before[i]!.timers + FLAPS / 2);
    }
  }, 240_000);

  it(`that is reset every 5 s, ${RESETS} times, at 1 000 messages a second loses nothing, and nobody is called lost`, async () => {
    const network = await Network.start();
    const [a, b] = (await startNodes(network, ['a', 'b'])) as [FaultNode, FaultNode];
    for (const { node } of [a, b]) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 10 });
    const tookMs: number[] = [];
    for (let reset = 1; reset <= RESETS; reset++) {
      await pause(RESET_EVERY_MS);
      const since = wallMs();
      expect(await network.reset(a.host, b.host)).toBe(1);
      // Whoever notices first dials, and may be back before the other one looked: then that one has nothing to say.
      const suspicions = (): NodeEvent[] => [...accusations(a.node, since), ...accusations(b.node, since)];
      await until(() => suspicions().length > 0, 'a suspicion');
      await linkedWith(a.node, 1);
      await linkedWith(b.node, 1);
      tookMs.push(wallMs() - suspicions()[0]!.at);
    }
    const count = await stopAndExpectAll(a.node, b.node);
    report(
      `${RESETS} resets: ${count} messages, all arrived; both linked again after ` +
        `${tookMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    );
  }, 180_000);

  it(`of ${LATENCY_MS} ms in each direction is no reason for suspicion`, async () => {
    const network = await Network.start();
    const [hostOfA, hostOfB, between] = [await network.host(), await network.host(), await network.host()];
    const ports = [PORT + 1, PORT + 2] as const;
    const routes = [`${ports[0]}:${hostOfA.address}:${PORT}`, `${ports[1]}:${hostOfB.address}:${PORT}`];
    const { script, ...options } = between.launch('test/faults/support/latency-proxy.mjs');
    proxy = fork(join(process.cwd(), script), [between.address, String(LATENCY_MS), ...routes], options);
    await once(proxy, 'message');

    // Each knows the other through the long wire only.
    const behind = async (host: Host, name: string, own: number, other: number): Promise<NodeProcess> => {
      const node = await spawnOn(host, name);
      await node.open([['static', [{ host: between.address, port: other }]]], {
        listen: { host: host.address, port: PORT },
        advertise: { host: between.address, port: own },
      });
      return node;
    };
    const [a, b] = await Promise.all([
      behind(hostOfA, 'a', ports[0], ports[1]),
      behind(hostOfB, 'b', ports[1], ports[0]),
    ]);
    for (const node of [a, b]) await linkedWith(node, 1);
    for (const node of [a, b]) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    await b.ask('latencies');
    await a.ask('stamps', { count: LATENCY_FOR_MS / 100, everyMs: 100 });
    expect(accusations(a)).toEqual([]);
    expect(accusations(b)).toEqual([]);
    for (const node of [a, b]) expect(await node.ask<Freshness>('freshness')).toEqual({ fresh: true, reasons: [] });
    await stopAndExpectAll(a, b);
    const latencies = (await b.ask<number[]>('latencies')).sort((x, y) => x - y);
    report(
      `a wire of ${LATENCY_MS} ms for ${seconds(LATENCY_FOR_MS)}: no suspicion; ` +
        `messages took ${latencies[0]!.toFixed(0)} to ${latencies.at(-1)!.toFixed(0)} ms`,
    );
    expect(latencies[0]).toBeGreaterThanOrEqual(LATENCY_MS - 1);
  }, 120_000);
});

describeWithNetworks('a wall clock', () => {
  it('that jumps an hour back and forth changes nothing', async () => {
    const network = await Network.start();
    const all = (await startNodes(network, ['a', 'b', 'c'])) as [FaultNode, FaultNode, FaultNode];
    const [a] = all;
    for (const { node } of all) await node.ask('loop', { stream: 's', everyMs: 10, perTick: 1 });
    for (const ms of [HOUR_MS, -2 * HOUR_MS, HOUR_MS]) {
      await a.node.ask('stepWallClock', { ms });
      // Longer than any verdict about silence takes, and than freshness lasts.
      await pause(7_000);
      for (const { node } of all) {
        expect(await node.ask<Freshness>('freshness')).toEqual({ fresh: true, reasons: [] });
        expect(accusations(node)).toEqual([]);
        expect(node.ofKind('gap')).toEqual([]);
      }
    }
    const lasts = await Promise.all(all.map(({ node }) => node.ask<number>('stop')));
    for (const [i, { node: from }] of all.entries()) {
      for (const { node: to } of all) if (to !== from) await expectAll(to, from, 's', lasts[i]!);
    }
    report('a wall clock that jumped +1 h, -2 h, +1 h: no member event, no gap, fresh all along');
  }, 60_000);
});
