import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ProtocolError } from '../errors.js';
import { FRAME_HEADER_BYTES, FRAME_PING, FRAME_PUBLICATION, MAX_HANDSHAKE_FRAME_BYTES } from './frame.js';
import { FrameReader } from './frame-reader.js';

function frame(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
  bytes.writeUInt32BE(body.length + 1, 0);
  bytes[4] = type;
  bytes.set(body, FRAME_HEADER_BYTES);
  return bytes;
}

function collect(): { reader: FrameReader; frames: { type: number; body: number[] }[] } {
  const frames: { type: number; body: number[] }[] = [];
  const reader = new FrameReader((type, bytes, start, end) => {
    frames.push({ type, body: [...bytes.subarray(start, end)] });
    return true;
  });
  return { reader, frames };
}

describe('the frame reader', () => {
  it('gives the same frames however the stream is cut (property)', () => {
    const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(bodies, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, cuts) => {
        const stream = Buffer.concat(list.map((body) => frame(FRAME_PUBLICATION, body)));
        const { reader, frames } = collect();
        reader.endHandshake(1024);
        for (let offset = 0, i = 0; offset < stream.length; i++) {
          const size = cuts[i % cuts.length]!;
          reader.push(Buffer.from(stream.subarray(offset, offset + size)));
          offset += size;
        }
        expect(frames.map(({ body }) => body)).toEqual(list.map((body) => [...body]));
      }),
    );
  });

  it('refuses a length beyond the limit of its type before it keeps a byte of the body', () => {
    for (const [type, length] of [
      [FRAME_PING, 1_000],
      [FRAME_PUBLICATION, 0xffffffff],
      [FRAME_PUBLICATION, 0],
    ] as const) {
      const header = Buffer.alloc(FRAME_HEADER_BYTES);
      header.writeUInt32BE(length, 0);
      header[4] = type;
      for (const chunks of [[header], [...header].map((byte) => Buffer.from([byte]))]) {
        const { reader, frames } = collect();
        reader.endHandshake(65_536);
        expect(() => chunks.forEach((chunk) => reader.push(chunk))).toThrow(ProtocolError);
        expect(frames).toEqual([]);
      }
    }
  });

  it('takes no more than a handshake frame before the handshake is done', () => {
    const { reader, frames } = collect();
    expect(() => reader.push(frame(FRAME_PUBLICATION, new Uint8Array(MAX_HANDSHAKE_FRAME_BYTES)))).toThrow(
      ProtocolError,
    );
    const other = collect();
    other.reader.push(frame(FRAME_PUBLICATION, new Uint8Array(MAX_HANDSHAKE_FRAME_BYTES - 1)));
    expect(frames).toHaveLength(0);
    expect(other.frames).toHaveLength(1);
  });

  it('stops when its sink says so', () => {
    let calls = 0;
    const reader = new FrameReader(() => {
      calls++;
      return false;
    });
    reader.push(Buffer.concat([frame(FRAME_PING, new Uint8Array(1)), frame(FRAME_PING, new Uint8Array(1))]));
    expect(calls).toBe(1);
  });
});
