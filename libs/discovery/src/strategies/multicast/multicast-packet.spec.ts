import { describe, expect, it } from '@jest/globals';
import { createHmac, randomBytes } from 'node:crypto';
import { MAX_PACKET_BYTES, type MulticastMessage, MulticastPackets, type MulticastSeal } from './multicast-packet.js';

const sealOf = (key: string): MulticastSeal => {
  const sign = (message: Uint8Array): Buffer => createHmac('sha256', key).update(message).digest();
  return { sign, verify: (message, signature) => sign(message).equals(signature) };
};

const incarnation = '00112233445566aa';
const nonce = '000102030405060708090a0b0c0d0e0f';
const packets = new MulticastPackets('shop', sealOf('key'));

const messages: MulticastMessage[] = [
  { kind: 'query', incarnation, nonce },
  { kind: 'answer', incarnation, nonce, port: 4370, host: undefined },
  { kind: 'answer', incarnation, nonce, port: 65_535, host: 'app-1.internal' },
  { kind: 'answer', incarnation, nonce, port: 1, host: 'x'.repeat(255) },
  { kind: 'goodbye', incarnation },
];

/** With a correct signature, whatever it holds. */
function signed(body: Buffer): Buffer {
  const name = Buffer.from('shop');
  const prefix = Buffer.concat([Buffer.from('rookery/multicast/v1\0'), Buffer.from([0, 0, 0, 4]), name]);
  return Buffer.concat([body, sealOf('key').sign(Buffer.concat([prefix, body]))]);
}

describe('MulticastPackets', () => {
  it.each(messages)('reads what it wrote: $kind', (message) => {
    expect(packets.decode(packets.encode(message))).toEqual(message);
  });

  it('writes what the page says', () => {
    const packet = packets.encode({ kind: 'answer', incarnation, nonce, port: 4370, host: '10.0.3.7' });
    expect(packet.toString('hex', 0, 6)).toBe(`${Buffer.from('RKRY').toString('hex')}0102`);
    expect(packet.toString('hex', 6, 14)).toBe('ca9bcc676a769735');
    expect(packet.toString('hex', 14, 41)).toBe(`${incarnation}${nonce}111208`);
    expect(packet.toString('latin1', 41, 49)).toBe('10.0.3.7');
    expect(packet).toEqual(signed(packet.subarray(0, 49)));
  });

  it('never answers with more bytes than were asked with', () => {
    const [query, ...others] = messages.map((message) => packets.encode(message).length);
    expect(query).toBe(MAX_PACKET_BYTES);
    expect(Math.max(...others)).toBeLessThanOrEqual(MAX_PACKET_BYTES);
    expect(() => packets.encode({ kind: 'answer', incarnation, nonce, port: 1, host: 'é'.repeat(128) })).toThrow('256');
  });

  it('does not let the name of the cluster travel', () => {
    const named = new MulticastPackets('a-name-to-be-found', sealOf('key'));
    for (const message of messages) expect(named.encode(message).includes('a-name')).toBe(false);
  });

  it('refuses packets of another cluster, of another cookie, and of something else', () => {
    const packet = packets.encode(messages[0]!);
    expect(new MulticastPackets('shop2', sealOf('key')).decode(packet)).toBe('other-cluster');
    expect(new MulticastPackets('shop', sealOf('other')).decode(packet)).toBe('forged');
    expect(packets.decode(Buffer.from('M-SEARCH * HTTP/1.1\r\n'.repeat(6)))).toBe('foreign');
    expect(packets.decode(Buffer.alloc(0))).toBe('foreign');
    expect(packets.decode(Buffer.concat([packet, packet]))).toBe('foreign');
  });

  it('refuses every packet in which one bit was changed, or which is cut', () => {
    for (const message of messages) {
      const packet = packets.encode(message);
      for (let bit = 0; bit < packet.length * 8; bit++) {
        const changed = Buffer.from(packet);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(packets.decode(changed)).toMatch(/^(foreign|other-cluster|forged)$/);
      }
      for (let length = 0; length < packet.length; length++) {
        expect(packets.decode(packet.subarray(0, length))).toMatch(/^(foreign|forged)$/);
      }
    }
  });

  it('binds the name of the cluster to the signature, not only its digest', () => {
    const packet = packets.encode(messages[2]!);
    const other = new MulticastPackets('other', sealOf('key'));
    const transplanted = Buffer.from(packet);
    other.encode(messages[2]!).copy(transplanted, 6, 6, 14);
    expect(other.decode(transplanted)).toBe('forged');
  });

  it('passes over what is signed and makes no sense', () => {
    const change = (message: MulticastMessage, edit: (body: Buffer) => Buffer | void): Buffer => {
      const body = Buffer.from(packets.encode(message).subarray(0, -32));
      return signed(edit(body) ?? body);
    };
    const [query, answer] = [messages[0]!, messages[2]!];
    expect(packets.decode(change(answer, (body) => void (body[5] = 9)))).toBe('malformed');
    expect(packets.decode(change(answer, (body) => void (body[5] = 0)))).toBe('malformed');
    expect(packets.decode(change(answer, (body) => void body.writeUInt16BE(0, 38)))).toBe('malformed');
    expect(packets.decode(change(answer, (body) => void body[40]!--))).toBe('malformed');
    expect(packets.decode(change(answer, (body) => body.subarray(0, -1)))).toBe('malformed');
    expect(packets.decode(change(query, (body) => body.subarray(0, -1)))).toBe('malformed');
  });

  it('bears any bytes, signed or not', () => {
    const seed = process.env['SEED'] ?? randomBytes(8).toString('hex');
    const next = bytesOf(seed);
    try {
      for (let i = 0; i < 5_000; i++) {
        const length = next(2).readUInt16BE() % (MAX_PACKET_BYTES + 10);
        const bytes = next(length);
        expect(packets.decode(bytes)).toMatch(/^(foreign|other-cluster|forged)$/);
        // As far as can be without the signature, then with it.
        packets.encode(messages[0]!).copy(bytes, 0, 0, Math.min(14, length));
        expect(packets.decode(bytes)).toMatch(/^(foreign|forged)$/);
        const result = packets.decode(signed(bytes));
        expect(typeof result === 'string' ? ['foreign', 'malformed'] : ['query', 'answer', 'goodbye']).toContain(
          typeof result === 'string' ? result : result.kind,
        );
      }
    } catch (error) {
      throw new Error(`With SEED=${seed}: ${String(error)}`, { cause: error });
    }
  });
});

/** Bytes that a seed decides. */
function bytesOf(seed: string): (length: number) => Buffer {
  let count = 0;
  return (length) => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, () =>
      createHmac('sha256', seed).update(String(count++)).digest(),
    );
    return Buffer.concat(blocks).subarray(0, length);
  };
}
