/** What processes have sent, as the network sees it: payload, TLS, and 52 bytes of IP and TCP headers for each segment. */
import { execFileSync, spawnSync } from 'node:child_process';

const HEADER_BYTES = 52;

/** Why it cannot be measured here; undefined when it can. */
export const unmeasurable: string | undefined =
  spawnSync('ss', ['-V']).error === undefined ? undefined : 'no program `ss` was found';

/** Bytes that the open connections of these processes have sent so far. */
export function sentBytes(pids: readonly number[]): number {
  const lines = execFileSync('ss', ['-Htinp'], { encoding: 'utf8', maxBuffer: 1 << 27 }).split('\n');
  const wanted = new Set(pids);
  let bytes = 0;
  for (let i = 0; i + 1 < lines.length; i += 2) {
    const pid = Number(/pid=(\d+),/.exec(lines[i]!)?.[1]);
    if (!wanted.has(pid)) continue;
    const sent = Number(/bytes_sent:(\d+)/.exec(lines[i + 1]!)?.[1] ?? 0);
    const segments = Number(/segs_out:(\d+)/.exec(lines[i + 1]!)?.[1] ?? 0);
    bytes += sent + HEADER_BYTES * segments;
  }
  return bytes;
}
