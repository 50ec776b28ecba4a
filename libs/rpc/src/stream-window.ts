/** How far a stream may run ahead of its reader. */

/** Bytes of NEXT frames that may be under way or unread; the reader grants what it has read. Both ends count on it. */
export const STREAM_WINDOW_BYTES = 256 * 1024;

/** What a source that cannot wait may pile up beyond the window, in encoded bytes. */
export const MAX_STREAM_QUEUE_BYTES = 1024 * 1024;
