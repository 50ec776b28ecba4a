/** The frames that hold structures: HELLO, REJECT, VIEW and SERVES. Their bodies are encoded like payloads, and checked field by field. */
import { decode } from '../codec/decode.js';
import { encode } from '../codec/encode.js';
import { ProtocolError } from '../errors.js';
import type { MemberMetadata } from '../membership/member.js';
import { frozen, metadataProblem, metadataSize } from '../membership/metadata.js';
import {
  FRAME_HEADER_BYTES,
  FRAME_HELLO,
  FRAME_REJECT,
  FRAME_SERVES,
  FRAME_VIEW,
  MAX_HANDSHAKE_FRAME_BYTES,
  MIN_FRAME_BYTES_LIMIT,
} from './frame.js';
import { Fields } from './fields.js';

/** The protocol that this build speaks, as a range, so that a rolling deploy may mix releases. */
export const PROTOCOL_MIN = 1;
export const PROTOCOL_MAX = 1;

export const MAX_NAME_LENGTH = 128;
export const MAX_METADATA_BYTES = 1024;
const MAX_HOST_LENGTH = 255;
/** So many patterns may one node serve, of so many bytes each. */
export const MAX_SERVED = 10_000;
export const MAX_SERVED_KEY_BYTES = 1_024;
/** More members than a mesh may have, by far: it bounds what a VIEW makes us remember. */
export const MAX_VIEW_MEMBERS = 1000;

/**
 * The first frame both ways. The dialler speaks first; when it did not know whom it would find (`to` is empty or names
 * another), it says HELLO again after the answer, so that `have` is always about the receiver.
 */
export interface Hello {
  readonly protocolMin: number;
  readonly protocolMax: number;
  readonly features: number;
  readonly cluster: string;
  readonly incarnation: string;
  readonly name: string;
  /** Milliseconds since the sender's start. */
  readonly ageMs: number;
  readonly metadata: MemberMetadata;
  /** What others should dial: `host` is empty when the receiver should use the address it sees. */
  readonly host: string;
  readonly port: number;
  readonly maxFrameBytes: number;
  readonly nonce: string;
  /** The incarnation that this HELLO is for; empty while the sender does not know whom it dialled. */
  readonly to: string;
  /** The last number that the sender has of the receiver, 0 if unknown. */
  readonly have: number;
  readonly head: number;
  readonly first: number;
  /** The nonce that the receiver used on the last link that the sender gave up: the receiver may still think it open. */
  readonly dropped: string;
}

export type RejectCode = 'cluster' | 'version' | 'self' | 'duplicate-link' | 'busy';
const REJECT_CODES: readonly RejectCode[] = ['cluster', 'version', 'self', 'duplicate-link', 'busy'];

export interface Reject {
  readonly code: RejectCode;
  readonly text: string;
}

/** A member as another one sees it. */
export interface ViewMember {
  readonly incarnation: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly metadata: MemberMetadata;
  /** Milliseconds since its start. */
  readonly ageMs: number;
}

/** A member that is no more, as far as the sender knows. */
export interface ViewEnded {
  readonly incarnation: string;
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** It died without a goodbye; otherwise it left, with its log at `head`. */
  readonly isLost: boolean;
  readonly head: number;
  /** How long ago, in milliseconds. */
  readonly endedMs: number;
}

/** What the sender itself hears: all of it right after the link was bound, then what changed. */
export interface View {
  /** Whether `members` is everything; otherwise it is what came on top, and `gone` what went. */
  readonly isWhole: boolean;
  readonly members: readonly ViewMember[];
  readonly gone: readonly string[];
  /** Who is no more: in a whole VIEW all whom the receiver may not have heard of, otherwise those that ended just now. */
  readonly ended: readonly ViewEnded[];
}

/** What the sender answers: all of it right after the link was bound, then what changed. Frames belong together up to the last. */
export interface Serves {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** It is about to leave: nothing new should be asked of it. */
  readonly isDraining: boolean;
  readonly isLast: boolean;
}

function structureFrame(type: number, value: unknown): Buffer {
  const body = encode(value);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + body.length);
  frame.writeUInt32BE(body.length + 1, 0);
  frame[4] = type;
  body.copy(frame, FRAME_HEADER_BYTES);
  return frame;
}

export const helloFrame = (hello: Hello): Buffer => structureFrame(FRAME_HELLO, hello);
export const rejectFrame = (reject: Reject): Buffer => structureFrame(FRAME_REJECT, reject);
export const viewFrame = (view: View): Buffer => structureFrame(FRAME_VIEW, view);
/** What fits into one frame, whatever the receiver's limit, and leaves room for the rest of it. */
const SERVES_FRAME_BYTES = MIN_FRAME_BYTES_LIMIT / 2;

/** As many frames as it takes, at least one. */
export function servesFrames(serves: Serves): readonly Buffer[] {
  const frames: Buffer[] = [];
  let added: string[] = [];
  let removed: string[] = [];
  let bytes = 0;
  const { isDraining } = serves;
  const seal = (isLast: boolean): void => {
    frames.push(structureFrame(FRAME_SERVES, { added, removed, isDraining, isLast }));
    added = [];
    removed = [];
    bytes = 0;
  };
  const put = (keys: readonly string[], into: () => string[]): void => {
    for (const key of keys) {
      if (bytes > SERVES_FRAME_BYTES - Buffer.byteLength(key)) seal(false);
      bytes += Buffer.byteLength(key) + 5;
      into().push(key);
    }
  };
  put(serves.removed, () => removed);
  put(serves.added, () => added);
  seal(true);
  return frames;
}

export function readHello(bytes: Buffer, start: number, end: number): Hello {
  const fields = new Fields('HELLO', decode(bytes, start, end));
  const protocolMin = fields.count('protocolMin', 1, 0xffff);
  return {
    protocolMin,
    protocolMax: fields.count('protocolMax', protocolMin, 0xffff),
    features: fields.count('features'),
    cluster: fields.text('cluster', MAX_NAME_LENGTH),
    incarnation: fields.incarnation('incarnation'),
    name: fields.text('name', MAX_NAME_LENGTH),
    ageMs: fields.count('ageMs'),
    metadata: readMetadata(fields),
    host: fields.text('host', MAX_HOST_LENGTH),
    port: fields.count('port', 1, 0xffff),
    maxFrameBytes: fields.count('maxFrameBytes', MIN_FRAME_BYTES_LIMIT),
    nonce: fields.text('nonce', 64),
    to: fields.text('to', 16),
    have: fields.count('have'),
    head: fields.count('head'),
    first: fields.count('first'),
    dropped: fields.text('dropped', 64),
  };
}

/** What no HELLO of the member itself could have told was made up, and would be passed on. */
function readMetadata(member: Fields): MemberMetadata {
  const metadata = member.record('metadata');
  const problem = metadataProblem(metadata);
  if (problem !== undefined) throw new ProtocolError(`a member's ${problem}`);
  if (metadataSize(metadata) > MAX_HANDSHAKE_FRAME_BYTES) throw new ProtocolError('metadata of a member is too large');
  return frozen(metadata);
}

export function readReject(bytes: Buffer, start: number, end: number): Reject {
  const fields = new Fields('REJECT', decode(bytes, start, end));
  const code = fields.text('code', 32);
  const known = REJECT_CODES.find((candidate) => candidate === code);
  return { code: known ?? 'busy', text: fields.text('text', 512) };
}

export function readView(bytes: Buffer, start: number, end: number): View {
  const fields = new Fields('VIEW', decode(bytes, start, end));
  return {
    isWhole: fields.flag('isWhole'),
    members: fields.list('members', MAX_VIEW_MEMBERS).map((value) => {
      const member = new Fields('a member of VIEW', value);
      return {
        incarnation: member.incarnation('incarnation'),
        name: member.text('name', MAX_NAME_LENGTH),
        host: member.text('host', MAX_HOST_LENGTH),
        port: member.count('port', 1, 0xffff),
        metadata: readMetadata(member),
        ageMs: member.count('ageMs'),
      };
    }),
    gone: fields.list('gone', MAX_VIEW_MEMBERS).filter((value): value is string => typeof value === 'string'),
    ended: fields.list('ended', MAX_VIEW_MEMBERS).map((value) => {
      const ended = new Fields('an ended member of VIEW', value);
      return {
        incarnation: ended.incarnation('incarnation'),
        name: ended.text('name', MAX_NAME_LENGTH),
        host: ended.text('host', MAX_HOST_LENGTH),
        port: ended.count('port', 1, 0xffff),
        isLost: ended.flag('isLost'),
        head: ended.count('head'),
        endedMs: ended.count('endedMs'),
      };
    }),
  };
}

export function readServes(bytes: Buffer, start: number, end: number): Serves {
  const fields = new Fields('SERVES', decode(bytes, start, end));
  return {
    added: readKeys(fields, 'added'),
    removed: readKeys(fields, 'removed'),
    isDraining: fields.flag('isDraining'),
    isLast: fields.flag('isLast'),
  };
}

function readKeys(fields: Fields, name: string): readonly string[] {
  return fields.list(name, MAX_SERVED).map((key) => {
    if (typeof key === 'string' && key !== '' && Buffer.byteLength(key) <= MAX_SERVED_KEY_BYTES) return key;
    throw new ProtocolError(`SERVES has no valid key in '${name}'`);
  });
}
