/** A peer written by hand: it knows the cookie and speaks the frames, and so can break every rule of the protocol. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { setTimeout as delay } from 'node:timers/promises';
import { encode } from '../../libs/mesh/src/codec/encode.js';
import { makeKeyRing } from '../../libs/mesh/src/transport/key-ring.js';
import {
  FRAME_HEADER_BYTES,
  FRAME_HELLO,
  FRAME_PING,
  FRAME_PONG,
  FRAME_PUBLICATION,
  FRAME_SERVES,
  FRAME_START,
  FRAME_VIEW,
  PUBLICATION_TOPIC_LENGTH_OFFSET,
  PUBLICATION_TOPIC_OFFSET,
} from '../../libs/mesh/src/protocol/frame.js';
import { relayPrefix } from '../../libs/mesh/src/protocol/relay-frame.js';
import { writeVarint } from '../../libs/mesh/src/protocol/varint.js';
import { COOKIE } from './support.js';

export interface Frame {
  readonly type: number;
  readonly body: Buffer;
}

export function frame(type: number, body: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + body.length);
  bytes.writeUInt32BE(body.length + 1, 0);
  bytes[4] = type;
  body.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

export function numbers(type: number, ...values: number[]): Buffer {
  const body = Buffer.alloc(8 * values.length);
  let end = 0;
  for (const value of values) end = writeVarint(body, end, value);
  return frame(type, body.subarray(0, end));
}

export const publication = (topic: string, payload: unknown): Buffer => publicationOf(topic, encode(payload));

/** @param payload bytes that need be no payload */
export function publicationOf(topic: string, payload: Buffer): Buffer {
  const head = Buffer.alloc(PUBLICATION_TOPIC_OFFSET - FRAME_HEADER_BYTES);
  head[PUBLICATION_TOPIC_LENGTH_OFFSET - FRAME_HEADER_BYTES] = Buffer.byteLength(topic);
  return frame(FRAME_PUBLICATION, Buffer.concat([head, Buffer.from(topic), payload]));
}

export const serves = (): Buffer =>
  frame(FRAME_SERVES, encode({ added: [], removed: [], isDraining: false, isLast: true }));

/** Frames of `from` for `to`, to be carried by somebody else. */
export function relay(to: string, from: string, start: number, ...frames: readonly Buffer[]): Buffer {
  const bytes = Buffer.concat(frames);
  return Buffer.concat([relayPrefix(to, from, start, bytes.length), bytes]);
}

/** What a peer hears: all of it, if `isWhole`. */
export function view(members: readonly Record<string, unknown>[], rest: Record<string, unknown> = {}): Buffer {
  return frame(FRAME_VIEW, encode({ isWhole: false, members, gone: [], ended: [], ...rest }));
}

export class FakePeer {
  readonly frames: Frame[] = [];
  /** The node closed its end. */
  isEnded = false;
  /** The socket is gone at both ends. */
  isClosed = false;
  private rest = Buffer.alloc(0);
  private hasStarted = false;
  private readonly pingsBeforeStart: number[] = [];

  private constructor(
    readonly incarnation: string,
    private readonly socket: TLSSocket,
  ) {
    socket.on('data', (chunk: Buffer) => this.onData(chunk));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => (this.isEnded = true));
    socket.on('close', () => (this.isEnded = this.isClosed = true));
  }

  /**
   * Connects to the node that listens at `port`.
   * @param options.incarnation one above that of the node lets the node decide which link is bound, as `ff...` always does
   */
  static async connect(port: number, { incarnation = 'ffffffffffffffff' } = {}): Promise<FakePeer> {
    const { use } = await makeKeyRing({ use: COOKIE, accept: [] });
    const socket = connect({
      host: '127.0.0.1',
      port,
      minVersion: 'TLSv1.3',
      maxVersion: 'TLSv1.3',
      ciphers: 'TLS_AES_128_GCM_SHA256',
      ALPNProtocols: ['rookery/1'],
      pskCallback: () => ({ psk: use.psk, identity: use.id }),
      checkServerIdentity: () => undefined,
      // Its own end stays open whatever the node does.
      allowHalfOpen: true,
    } as ConnectionOptions);
    await once(socket, 'secureConnect');
    return new FakePeer(incarnation, socket);
  }

  write(...frames: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
    if (this.hasStarted || !frames.some((bytes) => bytes[4] === FRAME_START)) return;
    this.hasStarted = true;
    for (const id of this.pingsBeforeStart) this.pong(id);
  }

  /** Says HELLO to `to`, and waits for the node's. */
  async shakeHands(to: string, rest: Record<string, unknown> = {}): Promise<void> {
    const hello = {
      protocolMin: 1,
      protocolMax: 1,
      features: 0,
      cluster: 'default',
      incarnation: this.incarnation,
      name: 'fake',
      ageMs: 1_000,
      metadata: {},
      host: '127.0.0.1',
      port: 1,
      maxFrameBytes: 1 << 20,
      nonce: randomBytes(8).toString('hex'),
      to,
      have: 0,
      head: 0,
      first: 1,
      dropped: '',
      ...rest,
    };
    this.write(frame(FRAME_HELLO, encode(hello)));
    await this.heard(FRAME_HELLO);
  }

  /** The first frame of that type, now or later. */
  async heard(type: number): Promise<Frame> {
    for (let i = 0; i < 1_000; i++) {
      const found = this.frames.find((candidate) => candidate.type === type);
      if (found !== undefined) return found;
      await delay(5);
    }
    throw new Error(`Waited in vain for a frame of type ${type}`);
  }

  /** Reads nothing any more. */
  pause(): void {
    this.socket.pause();
  }

  close(): void {
    this.socket.destroy();
  }

  private onData(chunk: Buffer): void {
    this.rest = Buffer.concat([this.rest, chunk]);
    while (this.rest.length >= 4 && this.rest.length >= 4 + this.rest.readUInt32BE(0)) {
      const end = 4 + this.rest.readUInt32BE(0);
      const heard = { type: this.rest[4]!, body: Buffer.from(this.rest.subarray(FRAME_HEADER_BYTES, end)) };
      this.rest = this.rest.subarray(end);
      this.frames.push(heard);
      if (heard.type !== FRAME_PING) continue;
      // Its own START comes before anything else.
      if (this.hasStarted) this.pong(heard.body[0]! & 0x7f);
      else this.pingsBeforeStart.push(heard.body[0]! & 0x7f);
    }
  }

  private pong(id: number): void {
    this.write(numbers(FRAME_PONG, id, 0, 0, 1_000, 0, 1, 0));
  }
}
