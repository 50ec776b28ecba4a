import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decode } from '../codec/decode.js';
import { PUBLICATION_TOPIC_LENGTH_OFFSET, PUBLICATION_TOPIC_OFFSET } from '../protocol/frame.js';
import { type Cursor, PublicationLog, type WindowLimits } from './publication-log.js';
import { recordLength } from './segment.js';

const LIMITS: WindowLimits = {
  windowBytes: 64 * 1024,
  windowMs: 10_000,
  keptBytes: 0,
  keptMs: 10_000,
  maxFrameBytes: 64 * 1024,
  maxDirected: 1_000,
};
const TOPIC = Buffer.from('t');

interface Received {
  readonly values: unknown[];
  /** Numbers that were neither received nor skipped. */
  readonly missed: number;
  readonly gaps: { to: number; missed: number; reason: string }[];
}

/** Plays the peer: reads all that the cursor has, counting numbers as a receiver does. */
function drain(
  log: PublicationLog,
  cursor: Cursor,
  peer: string,
  maxBytes = 4_096,
  peerMaxFrameBytes = 1 << 20,
): Received {
  const values: unknown[] = [];
  const gaps: { to: number; missed: number; reason: string }[] = [];
  let next = cursor.seq;
  for (;;) {
    const slice = log.next(cursor, peer, maxBytes, peerMaxFrameBytes);
    if (slice === undefined) break;
    if (slice.kind === 'skip') next += slice.count;
    else if (slice.kind === 'gap') {
      expect(slice.to).toBeGreaterThanOrEqual(next);
      gaps.push(slice);
      next = slice.to + 1;
    } else {
      let count = 0;
      for (let offset = 0; offset < slice.bytes.length; count++) {
        const end = offset + recordLength(slice.bytes, offset);
        const start = offset + PUBLICATION_TOPIC_OFFSET + slice.bytes[offset + PUBLICATION_TOPIC_LENGTH_OFFSET]!;
        values.push(decode(slice.bytes, start, end));
        offset = end;
      }
      expect(count).toBe(slice.count);
      next += count;
    }
    expect(cursor.seq).toBe(next);
  }
  expect(next).toBe(log.head + 1);
  return { values, gaps, missed: gaps.reduce((sum, gap) => sum + gap.missed, 0) };
}

describe('the publication log', () => {
  it('keeps no large buffer for what was refused', () => {
    const log = new PublicationLog({ ...LIMITS, windowBytes: 1 << 20, maxFrameBytes: 1 << 20 });
    for (let i = 0; i < 100; i++) {
      log.append(TOPIC, i, 0, 0, 0);
      expect(() => log.append(TOPIC, 'x'.repeat(2 << 20), 0, 0, 0)).toThrow(/maxFrameBytes/);
    }
    expect(log.head).toBe(100);
    expect(log.allocatedBytes).toBeLessThan(2 << 20);
    expect(drain(log, log.cursorAt(1), 'peer').values).toHaveLength(100);
  });

  it('counts what was missed exactly, however much of it was for others', () => {
    const log = new PublicationLog({ ...LIMITS, maxDirected: 100 });
    const cursor = log.cursorAt(1);
    for (let n = 0; n < 5_000; n++) log.append(TOPIC, n, 0, 0, 0, n % 100 === 0 ? undefined : 'other');
    const { values, missed } = drain(log, cursor, 'peer');
    expect(values.length + missed).toBe(50);
  });

  it('gives a cursor everything once and in order', () => {
    const log = new PublicationLog(LIMITS);
    const cursor = log.cursorAt(1);
    for (let i = 1; i <= 500; i++) expect(log.append(TOPIC, i, 0, 0, 0)).toBeGreaterThan(0);
    expect(log.head).toBe(500);
    expect(drain(log, cursor, 'p').values).toEqual(Array.from({ length: 500 }, (_, i) => i + 1));
    log.append(TOPIC, 'more', 0, 0, 0);
    expect(drain(log, cursor, 'p').values).toEqual(['more']);
  });

  it('is as before when a payload is refused', () => {
    const log = new PublicationLog(LIMITS);
    log.append(TOPIC, 1, 0, 0, 0);
    const { bytes } = log;
    expect(() => log.append(TOPIC, { f: () => 1 }, 0, 0, 0)).toThrow(
      expect.objectContaining({ code: 'CLUSTER_INVALID_PAYLOAD' }),
    );
    expect(() => log.append(TOPIC, 'x'.repeat(70_000), 0, 0, 0)).toThrow(
      expect.objectContaining({ code: 'CLUSTER_PAYLOAD_TOO_LARGE' }),
    );
    expect([log.head, log.bytes]).toEqual([1, bytes]);
    log.append(TOPIC, 2, 0, 0, 0);
    expect(drain(log, log.cursorAt(1), 'p').values).toEqual([1, 2]);
  });

  it('restarts a cursor that fell off within half a window of the head, after one gap with the right count', () => {
    const log = new PublicationLog(LIMITS);
    const cursor = log.cursorAt(1);
    const count = 5_000;
    for (let i = 1; i <= count; i++) log.append(TOPIC, { i, filler: 'x'.repeat(50) }, 0, 0, 0);
    expect(log.bytes).toBeLessThanOrEqual(LIMITS.windowBytes);
    const { values, gaps } = drain(log, cursor, 'p');
    expect(gaps).toHaveLength(1);
    expect(gaps[0]!.reason).toBe('window');
    expect(gaps[0]!.missed + values.length).toBe(count);
    expect(values.length * 70).toBeLessThanOrEqual(LIMITS.windowBytes / 2);
    expect(values.length * 90).toBeGreaterThanOrEqual(LIMITS.windowBytes / 4);
  });

  it('enforces age when it is read, not only when it is written', () => {
    const log = new PublicationLog(LIMITS);
    const cursor = log.cursorAt(1);
    log.append(TOPIC, 'old', 0, 0, 0);
    log.append(TOPIC, 'newer', 0, 0, 9_000);
    expect(log.first(9_500)).toBe(1);
    expect(log.first(12_000)).toBe(2);
    expect(log.first(60_000)).toBe(3);
    expect(log.bytes).toBe(0);
    expect(drain(log, cursor, 'p')).toMatchObject({ values: [], missed: 2 });
    log.append(TOPIC, 'fresh', 0, 0, 60_000);
    expect(drain(log, cursor, 'p')).toMatchObject({ values: ['fresh'], missed: 0 });
  });

  it('keeps the newest part longer', () => {
    const log = new PublicationLog({ ...LIMITS, keptBytes: 16 * 1024, keptMs: 60_000 });
    log.append(TOPIC, 'kept', 0, 0, 0);
    expect(log.first(30_000)).toBe(1);
    expect(log.first(61_000)).toBe(2);
  });

  it('starts a newcomer at what was published in its lifetime, and says whether that is complete', () => {
    const log = new PublicationLog(LIMITS);
    for (let i = 1; i <= 10; i++) log.append(TOPIC, i, 0, 0, i * 1_000);
    expect(log.startSince(7_000, 10_000)).toEqual({ seq: 7, isComplete: true });
    expect(log.startSince(0, 10_000)).toEqual({ seq: 1, isComplete: true });
    expect(log.startSince(20_000, 10_000)).toEqual({ seq: 11, isComplete: true });
    // At 15 s the first records are older than the window.
    const late = log.startSince(1_000, 15_000);
    expect(late.isComplete).toBe(false);
    expect(late.seq).toBeGreaterThan(4);
    expect(log.startSince(14_000, 15_000).isComplete).toBe(true);
  });

  it('lets only the target read a directed record, and counts no other record as missed for others', () => {
    const log = new PublicationLog({ ...LIMITS, windowBytes: 8 * 1024 });
    const forA = log.cursorAt(1);
    const forB = log.cursorAt(1);
    for (let i = 1; i <= 30; i++) log.append(TOPIC, i, 0, 0, 0, i % 3 === 0 ? 'a' : undefined);
    expect(drain(log, forA, 'a').values).toHaveLength(30);
    expect(drain(log, forB, 'b').values).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1).filter((i) => i % 3 !== 0),
    );
    for (let i = 31; i <= 3_000; i++)
      log.append(TOPIC, { i, filler: 'x'.repeat(40) }, 0, 0, 0, i % 3 === 0 ? 'a' : undefined);
    const b = drain(log, forB, 'b');
    expect(b.missed + b.values.length).toBe(2_970 - 990);
    const a = drain(log, forA, 'a');
    expect(a.missed + a.values.length).toBe(2_970);
  });

  it('replaces a record that a peer does not accept by a gap of one', () => {
    const log = new PublicationLog({ ...LIMITS, maxFrameBytes: 1 << 20, windowBytes: 8 << 20 });
    const cursor = log.cursorAt(1);
    log.append(TOPIC, 'before', 0, 0, 0);
    log.append(TOPIC, 'x'.repeat(200_000), 0, 0, 0);
    log.append(TOPIC, 'after', 0, 0, 0);
    const { values, gaps } = drain(log, cursor, 'p', 4_096, 65_536);
    expect(values).toEqual(['before', 'after']);
    expect(gaps).toEqual([{ kind: 'gap', to: 2, reason: 'too-large', missed: 1 }]);
  });

  it('does not let the cursor of a stalled peer hold on to what was evicted', () => {
    const log = new PublicationLog(LIMITS);
    log.append(TOPIC, 0, 0, 0, 0);
    const stalled = log.cursorAt(1);
    for (let i = 0; i < 20_000; i++) log.append(TOPIC, 'x'.repeat(100), 0, 0, 0);
    let segments = 0;
    for (let segment: Cursor['segment'] | undefined = stalled.segment; segment; segment = segment.next) segments++;
    expect(segments).toBe(1);
  });

  it('delivers or counts every record for every peer, whatever happens in between (property)', () => {
    const step = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          kind: fc.constant('append' as const),
          size: fc.integer({ min: 0, max: 3_000 }),
          to: fc.constantFrom(undefined, undefined, undefined, 'a', 'b'),
        }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('read' as const), peer: fc.constantFrom('a', 'b') }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('resume' as const), peer: fc.constantFrom('a', 'b') }) },
      {
        weight: 1,
        arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 6_000 }) }),
      },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const log = new PublicationLog({ ...LIMITS, windowBytes: 16 * 1024 });
        const meant = { a: 0, b: 0 };
        const got = { a: 0, b: 0 };
        const cursors = { a: log.cursorAt(1), b: log.cursorAt(1) };
        let now = 0;
        const read = (peer: 'a' | 'b'): void => {
          const { values, missed } = drain(log, cursors[peer], peer, 1_000);
          got[peer] += values.length + missed;
        };
        for (const s of steps) {
          if (s.kind === 'append') {
            log.append(TOPIC, 'x'.repeat(s.size), 0, 0, now, s.to);
            if (s.to !== 'b') meant.a++;
            if (s.to !== 'a') meant.b++;
          } else if (s.kind === 'read') read(s.peer);
          else if (s.kind === 'resume') cursors[s.peer] = log.cursorAt(cursors[s.peer].seq);
          else {
            now += s.ms;
            log.expire(now);
          }
          expect(log.bytes).toBeLessThanOrEqual(16 * 1024);
        }
        read('a');
        read('b');
        expect(got).toEqual(meant);
      }),
      { numRuns: 300 },
    );
  });
});
