import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ProtocolError } from '../errors.js';
import { skipFrame, startFrame } from './control-frames.js';
import { FRAME_HEADER_BYTES, FRAME_RELAY, FRAME_SKIP, FRAME_START } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { forEachFrame, MAX_PREFIX_BYTES, readRelay, relayPrefix } from './relay-frame.js';

const TO = '0123456789abcdef';
const FROM = 'fedcba9876543210';

const framed = (start: number, frames: Buffer): Buffer =>
  Buffer.concat([relayPrefix(TO, FROM, start, frames.length), frames]);

describe('a RELAY', () => {
  it.each([0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER])(
    'that begins at %d is one frame, read as written',
    (start) => {
      const frames = Buffer.concat([startFrame(7), skipFrame(2)]);
      const bytes = framed(start, frames);
      const seen: unknown[] = [];
      const reader = new FrameReader((type, chunk, from, to) => {
        const relay = readRelay(chunk, from, to);
        seen.push(type, relay.to, relay.from, relay.start, chunk.subarray(relay.framesStart, to));
        return true;
      });
      reader.endHandshake(64 * 1024);
      reader.push(bytes);
      expect(seen).toEqual([FRAME_RELAY, TO, FROM, start, frames]);
      expect(bytes.length - frames.length).toBeLessThanOrEqual(MAX_PREFIX_BYTES);
    },
  );

  it('that ends before its numbers do is refused', () => {
    const whole = framed(300, Buffer.alloc(0));
    for (let end = FRAME_HEADER_BYTES; end < whole.length; end++) {
      expect(() => readRelay(whole, FRAME_HEADER_BYTES, end)).toThrow(ProtocolError);
    }
    expect(readRelay(whole, FRAME_HEADER_BYTES, whole.length).framesStart).toBe(whole.length);
  });

  it('whose number is above 2^53 - 1 is refused', () => {
    const bytes = framed(1, Buffer.alloc(8));
    bytes.fill(0xff, FRAME_HEADER_BYTES + 16);
    expect(() => readRelay(bytes, FRAME_HEADER_BYTES, bytes.length)).toThrow('a number is too large');
  });
});

describe('the frames in a RELAY', () => {
  const seenIn = (bytes: Buffer, most = Number.POSITIVE_INFINITY): number[][] => {
    const seen: number[][] = [];
    forEachFrame(bytes, 0, bytes.length, (type, start, end) => seen.push([type, end - start]) < most);
    return seen;
  };

  it('are told one by one, until nobody wants more', () => {
    const bytes = Buffer.concat([startFrame(1), skipFrame(300), startFrame(2)]);
    expect(seenIn(bytes)).toEqual([
      [FRAME_START, 1],
      [FRAME_SKIP, 2],
      [FRAME_START, 1],
    ]);
    expect(seenIn(bytes, 1)).toEqual([[FRAME_START, 1]]);
    expect(seenIn(Buffer.alloc(0))).toEqual([]);
  });

  it('never reach beyond its end, whatever bytes there are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(8), (noise, outside) => {
        const bytes = Buffer.concat([startFrame(1), noise, Buffer.alloc(outside, 1)]);
        const end = bytes.length - outside;
        let told = 0;
        try {
          forEachFrame(bytes, 0, end, (_type, from, to) => {
            expect(from).toBeGreaterThanOrEqual(told + FRAME_HEADER_BYTES);
            expect(to).toBeLessThanOrEqual(end);
            expect(to).toBeGreaterThanOrEqual(from);
            told = to;
            return true;
          });
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});
