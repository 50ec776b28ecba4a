/**
 * What nodes say to each other by multicast, as bytes. Every packet is signed; only answers to a question of one's own put
 * anybody on the list. Pure.
 *
 * | bytes | what it is                                                                                             |
 * | ----- | ------------------------------------------------------------------------------------------------------ |
 * | 0-3   | `RKRY`                                                                                                 |
 * | 4     | the version of this page, 1                                                                            |
 * | 5     | the kind: 1 QUERY, 2 ANSWER, 3 GOODBYE                                                                 |
 * | 6-13  | the cluster: the first 8 bytes of SHA-256 of `rookery/multicast/cluster/v1`, a zero, and its name      |
 * | 14-21 | the incarnation of the sender                                                                          |
 * | 22-37 | QUERY: a nonce, fresh for each question. ANSWER: the nonce of the question. GOODBYE: zeros             |
 * | 38-39 | ANSWER: the port on which the mesh of the sender listens, big endian; else zeros                       |
 * | 40    | ANSWER: how many bytes the host has, 0 for the address that the packet comes from; else 0              |
 * | 41-   | ANSWER: the host, in UTF-8. QUERY: zeros up to 296. GOODBYE: nothing                                   |
 * | last  | 32 bytes: HMAC-SHA256 under the discovery key of `rookery/multicast/v1`, a zero, the length of the     |
 * |       | name of the cluster in UTF-8 as 4 bytes big endian, that name, and all bytes before                    |
 *
 * So a QUERY has 328 bytes, an ANSWER 73 to 328, a GOODBYE 73: nobody gets more bytes than were sent in his name.
 */
import { createHash } from 'node:crypto';
import { isRecord } from '../../option-check.js';
import type { PeerAddress } from '../../discovery-strategy.js';

/** Asks who is there. Says nothing that is believed: a recorded one costs whoever hears it again one answer. */
export interface MulticastQuery {
  readonly kind: 'query';
  /** 16 hexadecimal digits. */
  readonly incarnation: string;
  /** 32 hexadecimal digits. */
  readonly nonce: string;
}

/** Says where the sender listens, to whoever asked with this nonce: worth nothing to anybody else, or later. */
export interface MulticastAnswer {
  readonly kind: 'answer';
  readonly incarnation: string;
  readonly nonce: string;
  readonly port: number;
  /** Undefined: where the packet comes from. */
  readonly host: string | undefined;
}

/** Says that the sender leaves. A recorded one says what is true for ever: no incarnation comes back. */
export interface MulticastGoodbye {
  readonly kind: 'goodbye';
  readonly incarnation: string;
}

export type MulticastMessage = MulticastQuery | MulticastAnswer | MulticastGoodbye;

/** What signs and checks packets: see {@link DiscoveryContext}. */
export interface MulticastSeal {
  sign(message: Uint8Array): Buffer;
  verify(message: Uint8Array, signature: Uint8Array): boolean;
}

/** The length of every query, and the most that an answer may have, in bytes. */
export const MAX_PACKET_BYTES = 328;

const MAGIC = 'RKRY';
const VERSION = 1;
const KINDS = ['query', 'answer', 'goodbye'] as const;
const CLUSTER_AT = 6;
const INCARNATION_AT = 14;
const NONCE_AT = 22;
const PORT_AT = 38;
const HOST_AT = 41;
const SIGNATURE_BYTES = 32;
const MIN_PACKET_BYTES = HOST_AT + SIGNATURE_BYTES;

const SIGNED_PREFIX = 'rookery/multicast/v1\0';
const CLUSTER_PREFIX = 'rookery/multicast/cluster/v1\0';
const NO_NONCE = '0'.repeat(32);

/** Why a packet is passed over. */
export type MulticastRefusal =
  /** It is of something else. */
  | 'foreign'
  /** It is of a cluster of another name. */
  | 'other-cluster'
  /** It names this cluster, and is not signed with its cookie. */
  | 'forged'
  /** It is signed, and yet makes no sense: of another release. */
  | 'malformed';

/** The packets of one cluster. */
export class MulticastPackets {
  private readonly clusterDigest: Buffer;
  private readonly signedPrefix: Buffer;

  constructor(
    cluster: string,
    private readonly seal: MulticastSeal,
  ) {
    this.clusterDigest = createHash('sha256')
      .update(CLUSTER_PREFIX + cluster)
      .digest()
      .subarray(0, 8);
    const name = Buffer.from(cluster);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(name.length);
    this.signedPrefix = Buffer.concat([Buffer.from(SIGNED_PREFIX), length, name]);
  }

  /** @throws an Error when the host of an answer has more than 255 bytes. */
  encode(message: MulticastMessage): Buffer {
    const host = Buffer.from(message.kind === 'answer' ? (message.host ?? '') : '');
    if (host.length > 255) throw new Error(`a host of ${host.length} bytes does not fit into an announcement`);
    const bodyBytes = message.kind === 'query' ? MAX_PACKET_BYTES - SIGNATURE_BYTES : HOST_AT + host.length;
    const body = Buffer.alloc(bodyBytes);
    body.write(MAGIC, 0, 'latin1');
    body[4] = VERSION;
    body[5] = KINDS.indexOf(message.kind) + 1;
    this.clusterDigest.copy(body, CLUSTER_AT);
    body.write(message.incarnation, INCARNATION_AT, 8, 'hex');
    body.write(message.kind === 'goodbye' ? NO_NONCE : message.nonce, NONCE_AT, 16, 'hex');
    if (message.kind === 'answer') body.writeUInt16BE(message.port, PORT_AT);
    body[HOST_AT - 1] = host.length;
    host.copy(body, HOST_AT);
    return Buffer.concat([body, this.seal.sign(this.signed(body))]);
  }

  /**
   * Whether the packet may be of this cluster, by what costs nothing to check. Undefined when it may be.
   */
  glance(packet: Uint8Array): 'foreign' | 'other-cluster' | undefined {
    if (packet.length < MIN_PACKET_BYTES || packet.length > MAX_PACKET_BYTES) return 'foreign';
    const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    if (bytes.toString('latin1', 0, 4) !== MAGIC || bytes[4] !== VERSION) return 'foreign';
    const digest = bytes.subarray(CLUSTER_AT, INCARNATION_AT);
    return digest.equals(this.clusterDigest) ? undefined : 'other-cluster';
  }

  /** The incarnation that a packet names, signed or not; only for one that passed {@link MulticastPackets.glance}. */
  incarnationOf(packet: Uint8Array): string {
    return Buffer.from(packet.subarray(INCARNATION_AT, NONCE_AT)).toString('hex');
  }

  /** What a packet says, or why it is passed over. Never throws, whatever it is given. */
  decode(packet: Uint8Array): MulticastMessage | MulticastRefusal {
    const atAGlance = this.glance(packet);
    if (atAGlance !== undefined) return atAGlance;
    const body = Buffer.from(packet.subarray(0, -SIGNATURE_BYTES));
    if (!this.seal.verify(this.signed(body), packet.subarray(-SIGNATURE_BYTES))) return 'forged';
    const kind = KINDS[body[5]! - 1];
    const incarnation = this.incarnationOf(packet);
    const nonce = body.toString('hex', NONCE_AT, PORT_AT);
    if (kind === 'goodbye') return { kind, incarnation };
    // Whoever asks must have sent as much as he gets.
    if (kind === 'query') return packet.length === MAX_PACKET_BYTES ? { kind, incarnation, nonce } : 'malformed';
    const port = body.readUInt16BE(PORT_AT);
    const host = body.subarray(HOST_AT);
    if (kind !== 'answer' || port === 0 || host.length !== body[HOST_AT - 1]) return 'malformed';
    return { kind, incarnation, nonce, port, host: host.length === 0 ? undefined : host.toString('utf8') };
  }

  private signed(body: Buffer): Buffer {
    return Buffer.concat([this.signedPrefix, body]);
  }
}

/** Whether {@link MulticastPackets.decode} understood it. */
export function isMessage(result: MulticastMessage | MulticastRefusal): result is MulticastMessage {
  return isRecord(result);
}

/**
 * Where the sender of an answer listens: the host that it names or, if it listens on every address, the one it sent from.
 *
 * @param source - where the packet came from; with a zone, when it is link-local.
 */
export function addressOfAnswer(answer: MulticastAnswer, source: string): PeerAddress {
  return { host: answer.host ?? source, port: answer.port };
}
