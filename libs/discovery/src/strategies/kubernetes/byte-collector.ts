/** The bytes of something that comes in pieces, in one buffer that doubles as it needs to. Pure. */

const FIRST_CAPACITY = 4_096;

/**
 * Copies what it is given: pieces that were kept as they come would hold far more memory than their bytes, if somebody
 * sends them one by one.
 */
export class ByteCollector {
  private buffer: Buffer = Buffer.alloc(0);
  private used = 0;

  /** @param maxBytes - of everything together. */
  constructor(readonly maxBytes: number) {}

  get length(): number {
    return this.used;
  }

  /** @returns whether there was room; if not, nothing of the piece is kept. */
  add(piece: Uint8Array): boolean {
    const needed = this.used + piece.length;
    if (needed > this.maxBytes) return false;
    if (needed > this.buffer.length) {
      const capacity = Math.max(needed, Math.min(this.maxBytes, Math.max(FIRST_CAPACITY, 2 * this.buffer.length)));
      const larger = Buffer.allocUnsafeSlow(capacity);
      this.buffer.copy(larger, 0, 0, this.used);
      this.buffer = larger;
    }
    this.buffer.set(piece, this.used);
    this.used = needed;
    return true;
  }

  /** Everything as text (UTF-8); nothing is held afterwards. */
  take(): string {
    const text = this.buffer.toString('utf8', 0, this.used);
    this.buffer = Buffer.alloc(0);
    this.used = 0;
    return text;
  }
}
