/** The small frames that keep a link alive and in order: their bytes, and back. */
import type { GapReason } from '../membership/member.js';
import { ProtocolError } from '../errors.js';
import {
  FRAME_BYE,
  FRAME_CONFIRM,
  FRAME_GAP,
  FRAME_HEADER_BYTES,
  type FRAME_PING,
  type FRAME_PONG,
  FRAME_SKIP,
  FRAME_START,
  MAX_CONTROL_FRAME_BYTES,
} from './frame.js';
import { VarintReader, writeVarint } from './varint.js';

/** PING and PONG: liveness, round-trip time, freshness proof and acknowledgement, in one. */
export interface Heartbeat {
  /** Of the PING that a PONG answers; 0 for a PONG that answers none. */
  readonly id: number;
  /** The newest number of the sender's log that matters to this receiver. */
  readonly head: number;
  /** The highest contiguous number that the sender has of this receiver. */
  readonly ack: number;
  /** When the sender will be heard next, at the latest: the receiver's limits follow it. */
  readonly nextMs: number;
  /** A mark of the sender's time, and the last one of the receiver's that it heard: this was said after that. 0 is none. */
  readonly stamp: number;
  readonly echo: number;
}

/** What became of a publication that asked for confirmation. */
export type ConfirmOutcome = 'handled' | 'failed' | 'gap' | 'no-handler';

/** Positions are numbers on the wire: lists only grow at their end. */
const GAP_REASONS: readonly GapReason[] = [
  'window',
  'first-contact',
  'origin-lost',
  'left-behind',
  'slow-handler',
  'too-large',
  'undecodable',
];
const CONFIRM_OUTCOMES: readonly ConfirmOutcome[] = ['handled', 'failed', 'gap', 'no-handler'];

/** A frame of `type` whose body is these numbers. */
function numbersFrame(type: number, numbers: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEADER_BYTES + MAX_CONTROL_FRAME_BYTES);
  let end = FRAME_HEADER_BYTES;
  for (const value of numbers) end = writeVarint(bytes, end, value);
  bytes.writeUInt32BE(end - FRAME_HEADER_BYTES + 1, 0);
  bytes[4] = type;
  return bytes.subarray(0, end);
}

/** `choice`: on the first START of a link, how often the lower incarnation has chosen one so far; the highest is followed. */
export const startFrame = (seq: number, choice?: number): Buffer =>
  numbersFrame(FRAME_START, choice === undefined ? [seq] : [seq, choice]);
export const skipFrame = (count: number): Buffer => numbersFrame(FRAME_SKIP, [count]);
/** `missed`: how many publications for the receiver stand behind what it was sent, because time ran out. */
export const byeFrame = (head: number, missed: number): Buffer => numbersFrame(FRAME_BYE, [head, missed]);

export const gapFrame = (to: number, reason: GapReason, missed: number): Buffer =>
  numbersFrame(FRAME_GAP, [to, GAP_REASONS.indexOf(reason), missed]);

export const confirmFrame = (seq: number, outcome: ConfirmOutcome): Buffer =>
  numbersFrame(FRAME_CONFIRM, [seq, CONFIRM_OUTCOMES.indexOf(outcome)]);

export const heartbeatFrame = (type: typeof FRAME_PING | typeof FRAME_PONG, beat: Heartbeat): Buffer =>
  numbersFrame(type, [beat.id, beat.head, beat.ack, beat.nextMs, beat.stamp, beat.echo]);

export function readStart(bytes: Buffer, start: number, end: number): { seq: number; choice: number } {
  const reader = new VarintReader(bytes, start, end);
  return { seq: reader.next(), choice: reader.nextOrZero() };
}

/** The one number of SKIP. */
export function readNumber(bytes: Buffer, start: number, end: number): number {
  return new VarintReader(bytes, start, end).next();
}

export function readBye(bytes: Buffer, start: number, end: number): { head: number; missed: number } {
  const reader = new VarintReader(bytes, start, end);
  return { head: reader.next(), missed: reader.nextOrZero() };
}

export function readGap(bytes: Buffer, start: number, end: number): { to: number; reason: GapReason; missed: number } {
  const reader = new VarintReader(bytes, start, end);
  const to = reader.next();
  const reason = GAP_REASONS[reader.next()];
  if (reason === undefined) throw new ProtocolError('a gap without a known reason');
  const missed = reader.next();
  if (missed > to) throw new ProtocolError(`a gap of ${missed} up to ${to}`);
  return { to, reason, missed };
}

export function readConfirm(bytes: Buffer, start: number, end: number): { seq: number; outcome: ConfirmOutcome } {
  const reader = new VarintReader(bytes, start, end);
  const seq = reader.next();
  const outcome = CONFIRM_OUTCOMES[reader.next()];
  if (outcome === undefined) throw new ProtocolError('a confirmation without a known outcome');
  return { seq, outcome };
}

export function readHeartbeat(bytes: Buffer, start: number, end: number): Heartbeat {
  const reader = new VarintReader(bytes, start, end);
  return {
    id: reader.next(),
    head: reader.next(),
    ack: reader.next(),
    nextMs: reader.next(),
    stamp: reader.nextOrZero(),
    echo: reader.nextOrZero(),
  };
}
