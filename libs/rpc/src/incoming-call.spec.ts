import { describe, expect, it } from '@jest/globals';
import { CallLane, FRAME_NEXT, FRAME_RESPONSE, FrameReader, type Member } from '@rookery/mesh';
import type { Clock } from '@rookery/runtime';
import { head, type Request } from './call-frames.js';
import { IncomingCall } from './incoming-call.js';
import { STREAM_WINDOW_BYTES } from './stream-window.js';

const clock: Clock = {
  now: () => 0,
  wallNow: () => 0,
  after: () => ({ cancel: () => undefined }),
  afterPoll: () => ({ cancel: () => undefined }),
  endOfTurn: (fn) => fn(),
};
const member = { name: 'caller' } as Member;
const request: Request = { id: 1, timeoutMs: 1_000, isForFirst: true, key: '?x', metadata: undefined, position: 0 };

/** A call of a caller whose link takes nothing before `flush`. */
function made(timeoutMs = request.timeoutMs) {
  const types: number[] = [];
  const reader = new FrameReader((type) => types.push(type) > 0);
  reader.endHandshake(1 << 20);
  const written: (() => void)[] = [];
  const write = (bytes: Buffer, onWritten: () => void): void => {
    reader.push(bytes);
    written.push(onWritten);
  };
  const lane = new CallLane({ clock, maxFrameBytes: 1 << 20, member: () => member, isStuck: () => false, write });
  const owner = { clock, onEnded: () => undefined, onUnsendable: () => undefined, onAbortFailed: () => undefined };
  const flush = (): void => {
    for (let onWritten = written.shift(); onWritten !== undefined; onWritten = written.shift()) onWritten();
  };
  /** Others fill the link. */
  const fill = (): void => {
    while (!lane.isBusy) lane.send(FRAME_RESPONSE, head, 1, true, 'x'.repeat(500_000));
  };
  const count = (type: number): number => types.filter((each) => each === type).length;
  return { call: new IncomingCall(lane, { ...request, timeoutMs }, owner), fill, flush, count };
}

describe('a stream whose reader grants more while the link is busy', () => {
  it('asks its source for more when the link has room again', async () => {
    const { call, fill, flush } = made();
    while (call.next('x'.repeat(10_000)));
    let isWritable = false;
    const writable = call.writable().then(() => (isWritable = true));
    flush();
    fill();
    call.grant(STREAM_WINDOW_BYTES);
    await Promise.resolve();
    expect(isWritable).toBe(false);
    flush();
    await writable;
  });

  it('sends what waits, and its end, when the link has room again', () => {
    const { call, fill, flush, count } = made();
    let values = 1;
    while (call.next('x'.repeat(10_000))) values++;
    call.next('waits');
    call.end();
    flush();
    fill();
    const answers = count(FRAME_RESPONSE);
    call.grant(STREAM_WINDOW_BYTES);
    flush();
    expect(count(FRAME_NEXT)).toBe(values + 1);
    expect(count(FRAME_RESPONSE)).toBeGreaterThan(answers);
    expect(call.isOpen).toBe(false);
  });
});

describe('a deadline', () => {
  it('further away than a timer can wait is not over for that', () => {
    const { call } = made(2 ** 40);
    expect(call.isLate(2 ** 31)).toBe(false);
    expect(call.isLate(2 ** 40)).toBe(true);
  });
});
