/** What nodes cost and say while nothing is published. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from '@jest/globals';
import type { NodeProcess } from '../../processes/support/node-process.js';
import { sentBytes, unmeasurable } from './sent-bytes.js';

/** What is promised: at most so much for each node, at the level of IP. */
const BYTES_PER_SECOND = 1024;
/** A watch shorter than this begins and ends in the middle of a round of heartbeats, and is allowed a tenth more. */
const EXACT_SECONDS = 60;
const POLL_MS = 1_000;

export interface Idleness {
  readonly polls: number;
  /** Polls at which a node did not call itself fresh, with the reasons. */
  readonly stale: readonly string[];
  readonly bytesPerSecond: number | undefined;
  readonly cpuPercent: number;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const cpuOf = async (nodes: readonly NodeProcess[]): Promise<number> =>
  mean(await Promise.all(nodes.map((node) => node.cpuSeconds())));

/** Watches the nodes for so long; expects no event, and about {@link BYTES_PER_SECOND} from each at most. */
export async function expectIdle(nodes: readonly NodeProcess[], seconds: number): Promise<Idleness> {
  if (unmeasurable !== undefined) {
    if (process.env['CI']) throw new Error(`On a CI machine this must not be skipped: ${unmeasurable}.`);
    process.stderr.write(`SKIPPED: the bytes of idle nodes: ${unmeasurable}. Install it, on Debian with "iproute2".\n`);
  }
  const pids = nodes.map(({ pid }) => pid);
  const journals = nodes.map((node) => node.journal().length);
  const stale: string[] = [];
  let polls = 0;
  const before = unmeasurable === undefined ? sentBytes(pids) : 0;
  const cpuBefore = await cpuOf(nodes);
  const beganAt = performance.now();
  while (performance.now() - beganAt < seconds * 1_000) {
    await delay(POLL_MS);
    polls++;
    for (const node of nodes) {
      const { fresh, reasons } = await node.ask<{ fresh: boolean; reasons: string[] }>('freshness');
      if (!fresh) stale.push(`${node.name}: ${JSON.stringify(reasons)}`);
    }
  }
  const elapsed = (performance.now() - beganAt) / 1_000;
  const cpuPercent = (((await cpuOf(nodes)) - cpuBefore) / elapsed) * 100;
  const bytesPerSecond = unmeasurable === undefined ? (sentBytes(pids) - before) / nodes.length / elapsed : undefined;
  process.stdout.write(
    `${nodes.length} idle nodes for ${elapsed.toFixed(0)} s: ${bytesPerSecond?.toFixed(0) ?? '?'} B/s sent and ` +
      `${cpuPercent.toFixed(2)} % of a processor each, ${stale.length} of ${polls * nodes.length} looks were stale\n`,
  );
  expect(stale).toEqual([]);
  expect(nodes.map((node, i) => node.journal().slice(journals[i]))).toEqual(nodes.map(() => []));
  const allowed = seconds < EXACT_SECONDS ? 1.1 * BYTES_PER_SECOND : BYTES_PER_SECOND;
  if (bytesPerSecond !== undefined) expect(bytesPerSecond).toBeLessThanOrEqual(allowed);
  return { polls, stale, bytesPerSecond, cpuPercent };
}
