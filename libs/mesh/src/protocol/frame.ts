/**
 * Frames: `u32 length, u8 type, body`, big-endian; the length counts the type and the body. Their types, their limits,
 * and the layout of the one that matters most, the publication.
 */

export const FRAME_HELLO = 1;
export const FRAME_REJECT = 2;
export const FRAME_START = 3;
export const FRAME_PUBLICATION = 4;
export const FRAME_SKIP = 5;
export const FRAME_GAP = 6;
export const FRAME_PING = 7;
export const FRAME_PONG = 8;
export const FRAME_CONFIRM = 9;
export const FRAME_VIEW = 10;
export const FRAME_SERVES = 11;
export const FRAME_RELAY = 12;
/** Calls: see `call-frames.ts` of the library that makes them. The mesh carries them on a link, and knows nothing else of them. */
export const FRAME_REQUEST = 13;
export const FRAME_RESPONSE = 14;
export const FRAME_NEXT = 15;
export const FRAME_ERROR = 16;
export const FRAME_CANCEL = 17;
// 18 STATE_DIGEST, 19 STATE_DELTA: numbers that are taken.
export const FRAME_BYE = 20;
export const FRAME_CREDIT = 21;

/** Bytes before a frame's body: the length and the type. */
export const FRAME_HEADER_BYTES = 5;

/** Before the handshake is done, no frame may be larger. */
export const MAX_HANDSHAKE_FRAME_BYTES = 4096;

/** No control frame is larger, whatever the type, except those that hold lists. */
export const MAX_CONTROL_FRAME_BYTES = 64;

/** No node may announce a smaller limit for publications: lists of members use the same limit. */
export const MIN_FRAME_BYTES_LIMIT = 64 * 1024;

/** What a RELAY adds to the frames in it, at the most: it must be able to carry any frame that a link can. */
export const RELAY_OVERHEAD_BYTES = 64;

export const MAX_TOPIC_BYTES = 255;

/**
 * A publication's body: `u8 flags, u16 + u32 published-at (milliseconds since the Unix epoch), u8 topic length, topic,
 * payload`. Its sequence number is implied by its place after START.
 */
export const PUBLICATION_FLAGS_OFFSET = 5;
export const PUBLICATION_TIME_OFFSET = 6;
export const PUBLICATION_TOPIC_LENGTH_OFFSET = 12;
export const PUBLICATION_TOPIC_OFFSET = 13;

/** The sender waits for CONFIRM. */
export const FLAG_CONFIRM = 1;

/** The largest length a frame of `type` may claim, once the handshake is done. Unknown types are skipped up to the same limit as lists. */
export function maxFrameLength(type: number, maxFrameBytes: number): number {
  switch (type) {
    case FRAME_START:
    case FRAME_SKIP:
    case FRAME_GAP:
    case FRAME_PING:
    case FRAME_PONG:
    case FRAME_CONFIRM:
    case FRAME_CANCEL:
    case FRAME_CREDIT:
    case FRAME_BYE:
      return MAX_CONTROL_FRAME_BYTES;
    case FRAME_HELLO:
    case FRAME_REJECT:
      return MAX_HANDSHAKE_FRAME_BYTES;
    case FRAME_RELAY:
      return maxFrameBytes + RELAY_OVERHEAD_BYTES;
    default:
      return maxFrameBytes;
  }
}
