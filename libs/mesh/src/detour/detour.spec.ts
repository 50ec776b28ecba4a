import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Link } from '../link/link.js';
import { PublicationLog } from '../log/publication-log.js';
import { type FirstContact, Peer } from '../membership/peer.js';
import { readGap, readStart } from '../protocol/control-frames.js';
import { FRAME_GAP, FRAME_HEADER_BYTES, FRAME_PONG, FRAME_PUBLICATION, FRAME_START } from '../protocol/frame.js';
import { forEachFrame, readRelay } from '../protocol/relay-frame.js';
import { Detour } from './detour.js';

const SELF = '1111111111111111';
const KIB = 1024;

/** A link that takes whatever it is given, and remembers it. */
class Carrier {
  isClosed = false;
  mayCarry = true;
  roundTripMs: number | undefined = 1;
  readonly carried: {
    readonly to: string;
    readonly start: number;
    readonly types: number[];
    readonly frames: Buffer;
  }[] = [];
  constructor(readonly hello = { maxFrameBytes: 1 << 20 }) {}

  carry(frame: Buffer): void {
    const { to, from, start, framesStart } = readRelay(frame, FRAME_HEADER_BYTES, frame.length);
    expect(from).toBe(SELF);
    const types: number[] = [];
    forEachFrame(frame, framesStart, frame.length, (type) => types.push(type) > 0);
    this.carried.push({ to, start, types, frames: frame.subarray(framesStart) });
  }

  /** Number of the first and of the last publication of every slice since the last call. */
  slices(): [number, number][] {
    const slices = this.carried.splice(0).filter(({ types }) => types.includes(FRAME_PUBLICATION));
    return slices.map(({ start, types }) => [start, start + types.length - 1]);
  }

  get link(): Link {
    return this as unknown as Link;
  }
}

let log: PublicationLog;
let peer: Peer;
let carrier: Carrier;

beforeEach(() => {
  log = new PublicationLog({
    windowBytes: 1 << 20,
    windowMs: 1e6,
    keptBytes: 0,
    keptMs: 1e6,
    maxFrameBytes: 1 << 20,
    maxDirected: 100,
  });
  peer = new Peer('00000000000000aa', { name: 'p', address: { host: 'h', port: 1 }, metadata: {} }, 0, 0, 0);
  peer.maxFrameBytes = 1 << 20;
  carrier = new Carrier();
});

function publish(count: number, bytes = 1): void {
  for (let i = 0; i < count; i++) log.append(Buffer.from('t'), 'x'.repeat(bytes), 0, 0, 0);
}

function detour(contact?: FirstContact): Detour {
  const made = new Detour(peer, SELF, log, contact);
  made.choose(carrier.link, 0);
  return made;
}

function acknowledge(made: Detour, seq: number, now: number): void {
  peer.acknowledged = seq;
  made.noteAcknowledged(now);
}

describe('what is sent around', () => {
  it('begins behind what was acknowledged, and is sent once', () => {
    publish(5);
    peer.acknowledged = 2;
    const made = detour();
    for (let i = 0; i < 2; i++) made.pump(0);
    expect(carrier.slices()).toEqual([[3, 5]]);
    publish(1);
    made.pump(1);
    expect(carrier.slices()).toEqual([[6, 6]]);
  });

  it('begins, for one that has acknowledged nothing, where it began with us', () => {
    publish(5);
    detour({ seq: 4, missed: undefined }).pump(0);
    expect(carrier.slices()).toEqual([[4, 5]]);
  });

  it('is little at first, and twice as much with every acknowledgement, up to a bound', () => {
    publish(1_000, KIB);
    const made = detour();
    made.pump(0);
    const windows: number[] = [];
    for (let now = 1; now < 12; now++) {
      const bytes = carrier.carried.reduce((sum, { frames }) => sum + frames.length, 0);
      windows.push(Math.ceil(bytes / KIB));
      acknowledge(made, carrier.slices().at(-1)?.[1] ?? peer.acknowledged, now);
    }
    expect(windows[0]).toBeLessThan(17);
    expect(windows[1]!).toBeGreaterThan(windows[0]! * 1.2);
    expect(Math.max(...windows)).toBeGreaterThan(128);
    expect(Math.max(...windows)).toBeLessThan(256 + 9);
  });

  it('waits while the carrier has no room', () => {
    publish(1);
    const made = detour();
    carrier.mayCarry = false;
    made.pump(0);
    made.beat(Buffer.alloc(0));
    expect(carrier.carried).toEqual([]);
    carrier.mayCarry = true;
    made.pump(1);
    expect(carrier.slices()).toEqual([[1, 1]]);
  });

  it('leaves out what the link itself brought meanwhile', () => {
    publish(3);
    const made = detour();
    acknowledge(made, 2, 0);
    made.pump(0);
    expect(carrier.slices()).toEqual([[3, 3]]);
  });

  it('is a gap where the log has let go of it', () => {
    publish(3_000, KIB);
    peer.acknowledged = 1;
    detour().pump(0);
    const { start, types, frames } = carrier.carried[0]!;
    expect([start, types]).toEqual([2, [FRAME_GAP]]);
    const { reason, to, missed } = readGap(frames, FRAME_HEADER_BYTES, frames.length);
    expect([reason, missed]).toEqual(['window', to - 1]);
  });
});

describe('what was not acknowledged', () => {
  it('is sent again from there on, less often each time, until something is acknowledged', () => {
    publish(3);
    const made = detour();
    made.pump(0);
    expect(carrier.slices()).toEqual([[1, 3]]);
    const retries: number[] = [];
    for (let now = 1; now < 20_000; now++) {
      if (!made.retryIfDue(now)) continue;
      retries.push(now);
      made.pump(now);
      expect(carrier.slices()).toEqual([[1, 3]]);
    }
    expect(retries.slice(0, 4)).toEqual([300, 900, 2_100, 4_500]);
    // At most every 5 s.
    expect(retries.slice(4)).toEqual([9_300, 14_300, 19_300]);
    acknowledge(made, 1, 20_000);
    expect(made.retryIfDue(40_000)).toBe(true);
    acknowledge(made, 3, 40_000);
    expect(made.retryIfDue(80_000)).toBe(false);
  });

  it('is given longer where the way takes long', () => {
    publish(1);
    carrier.roundTripMs = 500;
    const made = detour();
    made.pump(0);
    expect(made.retryIfDue(1_999)).toBe(false);
    expect(made.retryIfDue(2_000)).toBe(true);
  });

  it('is sent again at once when somebody else carries it', () => {
    publish(3);
    const made = detour();
    made.pump(0);
    const other = new Carrier();
    made.choose(other.link, 1);
    made.pump(1);
    expect(other.slices()).toEqual([[1, 3]]);
  });
});

describe('a carrier that accepts less than whom it is for', () => {
  it('carries the largest frame that it accepts itself', () => {
    const limit = 64 * KIB;
    carrier = new Carrier({ maxFrameBytes: limit });
    // Type, flags, time, topic and the text's own header.
    publish(1, limit - 13);
    expect(log.bytes).toBe(limit + 4);
    detour().pump(0);
    expect(carrier.slices()).toEqual([[1, 1]]);
  });

  it('is left for another one, which need not be asked twice', () => {
    carrier = new Carrier({ maxFrameBytes: 64 * KIB });
    publish(1);
    publish(1, 100 * KIB);
    const made = detour();
    made.pump(0);
    expect(carrier.slices()).toEqual([[1, 1]]);
    acknowledge(made, 1, 10);
    expect(carrier.slices()).toEqual([]);
    expect(made.retryIfDue(1_000)).toBe(true);
    const other = new Carrier();
    made.choose(other.link, 1_000);
    made.pump(1_000);
    expect(other.slices()).toEqual([[2, 2]]);
  });
});

describe('a heartbeat that goes around', () => {
  it('says where we begin: behind what was acknowledged, or at first contact', () => {
    publish(5);
    detour({ seq: 4, missed: undefined }).beat(Buffer.alloc(0));
    peer.acknowledged = 4;
    detour().beat(Buffer.alloc(0));
    expect(carrier.carried.map(({ start, types }) => [start, types])).toEqual([
      [4, [FRAME_START]],
      [5, [FRAME_START]],
    ]);
  });

  it('tells a newcomer what is missing before', () => {
    publish(9);
    const pong = Buffer.from([0, 0, 0, 1, FRAME_PONG]);
    detour({ seq: 6, missed: 3 }).beat(pong);
    const { start, types, frames } = carrier.carried[0]!;
    expect([start, types]).toEqual([1, [FRAME_PONG, FRAME_START, FRAME_GAP]]);
    const told: unknown[] = [];
    forEachFrame(frames, 0, frames.length, (type, from, to) => {
      if (type === FRAME_START) told.push(readStart(frames, from, to).seq);
      if (type === FRAME_GAP) told.push(readGap(frames, from, to));
      return true;
    });
    expect(told).toEqual([1, { to: 5, reason: 'first-contact', missed: 3 }]);
  });

  it('of which nothing comes back is on a way that bears no fruit', () => {
    const made = detour();
    expect(made.isFruitless(1_800, 1_000)).toBe(false);
    expect(made.isFruitless(1_801, 1_000)).toBe(true);
    peer.echoedAt = 1_000;
    expect(made.isFruitless(2_800, 1_000)).toBe(false);
    expect(made.isFruitless(2_801, 1_000)).toBe(true);
    made.choose(new Carrier().link, 2_801);
    expect(made.isFruitless(4_601, 1_000)).toBe(false);
  });
});
