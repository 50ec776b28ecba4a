/** The bytes that docs/protocol.md shows are those that the sources write. */
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { systemClock } from '@rookery/runtime';
import { PublicationLog } from '../../libs/mesh/src/log/publication-log.js';
import { byeFrame, gapFrame, heartbeatFrame, startFrame } from '../../libs/mesh/src/protocol/control-frames.js';
import * as frames from '../../libs/mesh/src/protocol/frame.js';
import { CallLane } from '../../libs/mesh/src/link/call-lane.js';
import { relayPrefix } from '../../libs/mesh/src/protocol/relay-frame.js';

import { head, requestHead } from '../../libs/rpc/src/call-frames.js';

const paper = readFileSync('docs/protocol.md', 'utf8');
/** As one line of pairs: the paper breaks and spaces them for its readers. */
const shown = paper.replace(/\s+/g, ' ');
const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/..(?=.)/g, '$& ');

function firstFrame(topic: string, payload: unknown, wallNow: number): Buffer {
  const limits = {
    windowBytes: 1 << 20,
    windowMs: 1_000,
    keptBytes: 0,
    keptMs: 0,
    maxFrameBytes: 1 << 20,
    maxDirected: 1,
  };
  const log = new PublicationLog(limits);
  const cursor = log.cursorAt(1);
  log.append(Buffer.from(topic), payload, 0, wallNow, 0);
  const slice = log.next(cursor, 'x', 1 << 20, 1 << 20);
  if (slice?.kind !== 'records') throw new Error('A log that was written to has no record.');
  return slice.bytes;
}

/** What a lane hands to its link. */
function requestFrame(id: number, timeoutMs: number, key: string, data: unknown): Buffer {
  let written: Buffer = Buffer.alloc(0);
  const member = { name: 'x', incarnation: '', status: 'up', address: { host: '', port: 0 }, metadata: {} } as const;
  const lane = new CallLane({
    clock: { ...systemClock, endOfTurn: (fn) => fn() },
    member: () => member,
    maxFrameBytes: 65_536,
    isStuck: () => false,
    write: (bytes) => (written = bytes),
  });
  lane.send(frames.FRAME_REQUEST, head, requestHead(id, timeoutMs, false, Buffer.from(key), undefined), true, data);
  return written;
}

function relayFrame(to: string, from: string, start: number, carried: readonly Buffer[]): Buffer {
  const inside = Buffer.concat(carried);
  return Buffer.concat([relayPrefix(to, from, start, inside.length), inside]);
}

describe('docs/protocol.md', () => {
  it('shows frames byte by byte as they are', () => {
    const beat = { head: 300, ack: 12, nextMs: 1_250, stamp: 9, echo: 8 };
    const pong = heartbeatFrame(frames.FRAME_PONG, { id: 0, ...beat });
    for (const bytes of [
      firstFrame('flag.changed', { key: 'checkout', enabled: true }, 0x019ab697e800),
      startFrame(1),
      startFrame(1, 3),
      gapFrame(300, 'window', 42),
      heartbeatFrame(frames.FRAME_PING, { id: 1, ...beat }),
      byeFrame(300, 0),
      requestFrame(1, 5_000, '?sum', 7),
      relayFrame('3efc21497ba0b885', '38b9efbc6295d4fc', 301, [pong, startFrame(301)]),
    ]) {
      expect(shown).toContain(hex(bytes));
    }
  });

  it('has a row for every frame, with its number', () => {
    const known = Object.entries(frames).filter(
      (entry): entry is [string, number] => /^FRAME_(?!HEADER)/.test(entry[0]) && typeof entry[1] === 'number',
    );
    expect(known.length).toBeGreaterThan(10);
    for (const [name, type] of known) {
      expect(paper).toMatch(new RegExp(`^\\| ${type}\\s+\\| ${name.slice('FRAME_'.length)}\\s+\\|`, 'm'));
    }
  });
});
